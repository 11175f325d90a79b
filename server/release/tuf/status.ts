import { warnDaysAhead } from '../../../protocol/tuf.ts';
import { verb } from '../verb.ts';
import { daysLeft, drafted, type MetadataOf, missing, published, type RoleName, roleNames, rootOf } from './desk.ts';

export const tufStatus = verb({
  summary: 'what is published, until when, and what waits for whom',
  operands: ['DESK'],
  options: {},
  details: `Exit code 4 when something published has expired or a role cannot be verified by the root: boxes then take no
update. What expires within ${warnDaysAhead} days is said; the exit code is 0 then.`,
  examples: [['opq-release tuf status desk', 'from a timer, with a mail when it is not 0']],

  async run({ DESK: desk }, { nowS }) {
    const { root, before } = await rootOf(desk);
    const rows: Row[] = [];
    for (const role of roleNames) {
      const now: MetadataOf<RoleName> | undefined = await published(desk, role);
      const draft: MetadataOf<RoleName> | undefined = await drafted(desk, role);
      const left = now ? daysLeft(now.signed.expires, nowS) : null;
      const authorities = role === 'root' && before ? [before, root] : [root];
      rows.push({
        role,
        version: now?.signed.version ?? null,
        expires: now?.signed.expires ?? null,
        days_left: left,
        draft: draft?.signed.version ?? null,
        lacks: draft ? [...new Set(missing(role, draft, authorities))] : [],
        bad: now !== undefined && (left! < 0 || (before !== undefined && missing(role, now, [before]).length > 0)),
      });
    }
    return { text: rows.map(lineOf).join('\n'), json: rows, exit: rows.some(({ bad }) => bad) ? 4 : 0 };
  },
});

interface Row {
  readonly role: string;
  readonly version: number | null;
  readonly expires: string | null;
  readonly days_left: number | null;
  readonly draft: number | null;
  /** Key ids. */
  readonly lacks: readonly string[];
  readonly bad: boolean;
}

function lineOf({ role, version, expires, days_left: left, draft, lacks, bad }: Row): string {
  const soon = left !== null && left < warnDaysAhead ? (left < 0 ? ', EXPIRED' : `, EXPIRES IN ${left} DAYS`) : '';
  const now =
    version === null
      ? 'not published'
      : `version ${version}, until ${expires}${soon || (bad ? ', NOT SIGNED BY THE KEYS OF THE ROOT' : '')}`;
  const waits =
    draft === null
      ? ''
      : `; draft ${draft} ${lacks.length > 0 ? `lacks signatures of ${lacks.join(', ')}` : 'is complete'}`;
  return `${role.padEnd(9)}  ${now}${waits}`;
}
