import about from '../package.json' with { type: 'json' };

/** Version of this program, from package.json (in the bundle: at the time it was made). */
export const updaterVersion: string = about.version;

/** What servers see. */
export const userAgent = `opq-updater/${updaterVersion}`;
