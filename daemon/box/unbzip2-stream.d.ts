/** The inside of unbzip2-stream: its decoder without its stream. */
declare module 'unbzip2-stream/lib/bit_iterator.js' {
  export type Bits = (count: number | null) => number;
  export default function bitIterator(nextChunk: () => Uint8Array): Bits;
}

declare module 'unbzip2-stream/lib/bzip2.js' {
  import type { Bits } from 'unbzip2-stream/lib/bit_iterator.js';

  const bzip2: {
    /** Block size, 1 to 9. */
    header(bits: Bits): number;
    /** Decodes one block; the checksum so far, or null at the end of the stream. */
    decompress(
      bits: Bits,
      put: (byte: number) => void,
      scratch: Int32Array,
      scratchLength: number,
      checksum: number,
    ): number | null;
  };
  export default bzip2;
}
