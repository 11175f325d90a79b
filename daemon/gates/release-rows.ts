import { bytesText } from '../../protocol/words.ts';
import { wordsOf } from '../quarantine.ts';
import type { Rows } from './gate.ts';

/** A package, its files and a copy of what they replace: so much more than the package itself, measured on real ones. */
export const spaceFactor = 8;

/** What must be so of the release that is offered. */
export const releaseRows: Rows = {
  floor: {
    yields: 'nobody',
    look({ offer, floor }) {
      const look = { value: offer ? String(offer.version) : 'nothing offered', limit: `${floor} or more` };
      if (!offer || offer.version >= floor) return look;
      const message = `The server offers ${offer.version}, the lowest that this box accepts is ${floor}.`;
      return { ...look, closed: ['DOWNGRADE_REFUSED', message] };
    },
  },
  hardware: {
    yields: 'nobody',
    look({ offer, hardware }) {
      const fits = offer?.hardware?.join(', ') ?? 'any';
      const look = { value: hardware ?? 'unknown', limit: fits };
      if (!offer?.hardware || offer.hardware.includes(hardware ?? '')) return look;
      const message = `The release is for ${fits}, this box is ${hardware ?? 'unknown'}.`;
      return { ...look, closed: ['HARDWARE_MISMATCH', message] };
    },
  },
  quarantine: {
    yields: 'nobody',
    look({ offer, quarantine }) {
      // Of one version there are many images; which of them it would be is known once it is built.
      const built = offer?.components === null ? offer : null;
      const bad = quarantine.find(
        ({ version, sha256 }) => version === built?.version && (built.sha256 ?? sha256) === sha256,
      );
      const look = {
        value: quarantine.length === 1 ? '1 release' : `${quarantine.length} releases`,
        limit: 'not the one offered',
      };
      if (!bad) return look;
      return { ...look, closed: ['QUARANTINED', wordsOf(bad)] };
    },
  },
  undone: {
    yields: 'person',
    look({ offer, undone }) {
      const look = { value: undone ? 'the one on offer' : 'another one, or none', limit: 'not the one on offer' };
      if (!undone) return look;
      const message = `The release ${offer!.version} was undone here: the box does not take it again by itself.`;
      return { ...look, closed: ['UNDONE', message] };
    },
  },
  space: {
    yields: 'nobody',
    look({ config, offer, freeBytes }) {
      const needed = (offer?.sizeBytes ?? 0) * spaceFactor + config.values.reserve_bytes;
      const look = { value: `${bytesText(freeBytes)} free`, limit: `${bytesText(needed)} or more` };
      if (freeBytes >= needed) return look;
      const message = `The update needs ${bytesText(needed)} with its reserve, found ${bytesText(freeBytes)} free.`;
      return { ...look, closed: ['DISK_FULL', message] };
    },
  },
};
