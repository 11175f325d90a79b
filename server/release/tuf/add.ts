import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { Metadata, TargetFile, Targets } from '@tufjs/models';
import { UpdateError } from '../../../protocol/errors.ts';
import * as s from '../../../protocol/schema.ts';
import { boxTarget, boxTargetSchema, isTargetHardware, packageTarget, targetsFolder } from '../../../protocol/tuf.ts';
import { quote } from '../../../protocol/version.ts';
import { judgePackage } from '../judge-package.ts';
import { digest, versionOfPackage, withPackage } from '../package-file.ts';
import { exists, putFile } from '../put-file.ts';
import { verb } from '../verb.ts';
import { drafted, expiryIn, published, rootOf, saveDraft, specVersion } from './desk.ts';

export const targetsDays = 365;

export const tufAdd = verb({
  summary: 'offer a package to the boxes of a hardware',
  operands: ['DESK', 'PACKAGE'],
  options: {
    hardware: { type: 'string', value: 'NAME', multiple: true, help: 'such as rpi/3; again for more' },
    days: { type: 'string', value: 'N', help: `how long the targets hold (default: ${targetsDays})` },
  },
  details: `Reads PACKAGE as a box would, lays it into DESK/site under a name with its hash, and drafts targets in which
box/NAME.json names it for each hardware. Boxes see nothing of it before "tuf refresh" has published the
targets, signed, with a new snapshot and timestamp. Packages that no hardware is offered any more leave
the targets; their files stay.`,
  examples: [
    [
      'opq-release tuf add desk packages/opq-box-update-1550190683.tar.bz2 --hardware rpi/3',
      'a release for one hardware',
    ],
  ],

  async run({ DESK: desk, PACKAGE: path, hardware, days = String(targetsDays) }, { nowS }) {
    const strange = hardware.find((name) => !isTargetHardware(name));
    if (strange !== undefined || hardware.length === 0) {
      throw new UpdateError('USAGE', `Give --hardware such as rpi/3, found ${quote(strange ?? 'none')}.`);
    }
    const version = versionOfPackage(path);
    await rootOf(desk);
    const before = await published(desk, 'targets');
    const current = (await drafted(desk, 'targets')) ?? before;
    const targets = new Map(Object.entries(current?.signed.targets ?? {}));
    const name = packageTarget(version);
    const { target, updateJson } = await putPackage(desk, path, name, version);
    const unfit = hardware.find((one) => updateJson?.hardware && !updateJson.hardware.includes(one));
    if (unfit !== undefined)
      throw new UpdateError('HARDWARE_MISMATCH', `${path} says itself that it is not for ${unfit}.`);
    targets.set(name, target);
    for (const one of hardware) {
      const text = `${JSON.stringify(s.parse(boxTargetSchema, { version, package: name, notes: updateJson?.notes }), null, 2)}\n`;
      targets.set(boxTarget(one), await putBytes(desk, boxTarget(one), Buffer.from(text), { version }));
    }
    const offered = new Set(
      [...targets.values()]
        .map(({ custom }) => custom.version)
        .filter(Number.isSafeInteger)
        .map((v) => packageTarget(v as number)),
    );
    const kept = [...targets].filter(([one]) => one.startsWith('box/') || offered.has(one));
    const signed = new Targets({
      version: (before?.signed.version ?? 0) + 1,
      specVersion,
      expires: expiryIn(days, nowS),
      targets: Object.fromEntries(kept),
    });
    const draft = await saveDraft(desk, 'targets', new Metadata(signed));
    return {
      text: [draft, ...kept.map(([one]) => `  ${one}`)].join('\n'),
      json: { draft, version, hardware, targets: kept.map(([one]) => one) },
    };
  },
});

/** Where the file of a target lies: its hash is part of its name, so that two releases never get in each other's way. */
const placeOf = (desk: string, name: string, sha256: string) =>
  join(desk, 'site', targetsFolder, posix.dirname(name), `${sha256}.${posix.basename(name)}`);

async function putBytes(desk: string, path: string, bytes: Buffer, custom: { version: number }): Promise<TargetFile> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const place = placeOf(desk, path, sha256);
  await mkdir(dirname(place), { recursive: true });
  await putFile(place, (temp) => temp.writeFile(bytes));
  return new TargetFile({ path, length: bytes.length, hashes: { sha256 }, unrecognizedFields: { custom } });
}

function putPackage(desk: string, from: string, path: string, version: number) {
  return withPackage(from, async (file) => {
    const { updateJson } = await judgePackage(file.chunks(), version);
    const { sizeBytes, sha256 } = await digest(file);
    const place = placeOf(desk, path, sha256);
    await mkdir(dirname(place), { recursive: true });
    if (!(await exists(place))) {
      await putFile(place, async (temp) => {
        for await (const chunk of file.chunks()) await temp.writeFile(chunk);
      });
    }
    return { updateJson, target: new TargetFile({ path, length: sizeBytes, hashes: { sha256 } }) };
  });
}
