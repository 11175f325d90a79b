import { shownUrl } from '../../protocol/address.ts';
import { describeProblem } from '../../protocol/config.ts';
import { serverOf } from '../asked.ts';
import type { Rows } from './gate.ts';

/** What must be so on the box itself. */
export const boxRows: Rows = {
  configuration: {
    yields: 'nobody',
    look({ config: { problems } }) {
      const [first] = problems;
      const look = {
        value: problems.length === 0 ? 'no problems' : `problems: ${problems.length}`,
        limit: 'no problems',
      };
      return first ? { ...look, closed: ['CONFIG_INVALID', `${describeProblem(first)}.`] } : look;
    },
  },
  keys: {
    yields: 'nobody',
    look({ keys }) {
      const look = { value: `${keys} pinned`, limit: 'one or more' };
      return keys > 0 ? look : { ...look, closed: ['NO_TRUSTED_KEYS', 'No usable key is pinned on this box.'] };
    },
  },
  server: {
    yields: 'person',
    look({ config: { values } }) {
      const url = serverOf(values);
      const value = url === null ? 'none' : shownUrl(url);
      const look = { value, limit: 'an update server' };
      if (url !== null) return look;
      return { ...look, closed: ['CONFIG_INVALID', 'server_url is not set: only a person can bring an update.'] };
    },
  },
  root: {
    yields: 'nobody',
    look({ conditions: { rootType, rootPersistent } }) {
      const look = { value: rootType, limit: 'a file system that keeps changes' };
      if (rootPersistent) return look;
      const message = `The root file system is ${rootType}: an update would be gone after the next boot.`;
      return { ...look, closed: ['ROOT_NOT_PERSISTENT', message] };
    },
  },
  stuck: {
    yields: 'person',
    look({ stuck, offer }) {
      const limit = 'one whole release, or a newer one to get to it';
      const look = { value: stuck === null ? 'one whole release' : 'between two releases', limit };
      // Nobody may be there to begin it, and it is not the one that brought the box there.
      if (stuck === null || (offer?.version ?? 0) > stuck) return look;
      const message = `The box is stuck between two releases: it waits for one that is newer than ${stuck}, or for a person.`;
      return { ...look, closed: ['STUCK', message] };
    },
  },
  power: {
    yields: 'time',
    look({ conditions: { underVoltage } }) {
      const value = underVoltage === null ? 'not measured' : underVoltage ? 'too low' : 'good';
      const look = { value, limit: 'not too low' };
      if (!underVoltage) return look;
      return { ...look, closed: ['POWER_LOW', 'The supply voltage of the box is too low right now.'] };
    },
  },
  temperature: {
    yields: 'time',
    look({ config, conditions: { temperatureC, throttled } }) {
      const limitC = config.values.max_temperature_c;
      const measured = temperatureC === null ? 'not measured' : `${Math.round(temperatureC)} °C`;
      const look = { value: throttled ? `${measured}, slowed down` : measured, limit: `${limitC} °C or less` };
      if (throttled) return { ...look, closed: ['TOO_HOT', `The processor is slowed down by heat (${measured}).`] };
      if ((temperatureC ?? 0) <= limitC) return look;
      return { ...look, closed: ['TOO_HOT', `The processor is at ${measured}, ${limitC} °C are allowed.`] };
    },
  },
  packages: {
    yields: 'time',
    look({ conditions: { packagesBusy } }) {
      const look = { value: packagesBusy ? 'dpkg or apt at work' : 'at rest', limit: 'at rest' };
      if (!packagesBusy) return look;
      return { ...look, closed: ['PACKAGES_BUSY', 'dpkg or apt changes this box right now.'] };
    },
  },
};
