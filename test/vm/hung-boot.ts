/** A boot that did not end in time: on a busy machine that may be nobody's fault, so it gets a second try, told. */
export class HungBoot extends Error {
  override readonly name = 'HungBoot';
}

/** Does the work, once more from the start when a boot hung in it. */
export async function withSecondTry<T>(work: () => Promise<T>, say: (text: string) => void): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HungBoot)) throw error;
    say(`a boot did not end and all is TRIED ONCE MORE: ${error.message}`);
    return work();
  }
}
