import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Benchmark, Setting } from './bench.ts';
import { costOf } from './command.ts';
import { type Finding, type NotRun, ratio } from './finding.ts';
import { inPairs } from './pairs.ts';
import type { Payload } from './payload.ts';
import { ourWay } from './update.ts';

/** How another updater installs the same tree from a local file, to the disk. */
interface Peer {
  readonly name: string;
  readonly program: string;
  readonly target: number | null;
  /** Makes its artefact once. */
  prepare(setting: Setting, payload: Payload, folder: string): Promise<void>;
  /** A line of bash that installs it below `$into`, which it finds empty. */
  install(payload: Payload, folder: string): string;
}

const run = (line: string) => execFileSync('bash', ['-ec', line], { stdio: ['ignore', 'ignore', 'inherit'] });

/** Debian's SWUpdate and RAUC want certificates in place of keys. */
const certificate = '-x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=bench';

const swupdate: Peer = {
  name: 'SWUpdate, an archive packed by bzip2',
  program: 'swupdate',
  target: 1,
  async prepare(_, { tree }, folder) {
    const description = `software = { version = "1.0.0"; hardware-compatibility = [ "1.0" ];
  images: ( { filename = "tree.tar.bz2"; type = "archive"; path = "@INTO@"; sha256 = "@SUM@"; } ); }`;
    await writeFile(join(folder, 'description'), description);
    await writeFile(join(folder, 'swupdate.cfg'), 'globals : { };\n');
    run(`cd ${folder}; tar cf tree.tar -C ${tree} .; bzip2 -9 tree.tar
sum=$(sha256sum tree.tar.bz2 | cut -d' ' -f1)
sed -e "s,@SUM@,$sum," -e "s,@INTO@,${folder}/into," description >sw-description
openssl req ${certificate} -addext extendedKeyUsage=emailProtection -keyout key.pem -out cert.pem 2>/dev/null
openssl cms -sign -binary -nosmimecap -outform DER -signer cert.pem -inkey key.pem -in sw-description -out sw-description.sig
printf 'sw-description\\nsw-description.sig\\ntree.tar.bz2\\n' | cpio -o -H crc >tree.swu 2>/dev/null`);
  },
  install: (_, folder) => `cd ${folder}; echo 'opq 1.0' >hw; mkdir -p into
swupdate -f swupdate.cfg -H opq:1.0 -k cert.pem -i tree.swu; sync -f into`,
};

const rauc: Peer = {
  name: 'RAUC, an archive packed by bzip2 in a signed bundle, to a slot in a file',
  program: 'rauc',
  target: null,
  async prepare(_, { tree }, folder) {
    await mkdir(join(folder, 'content'), { recursive: true });
    const manifest = `[update]\ncompatible=opq\nversion=1\n[bundle]\nformat=plain\n[image.rootfs]\nfilename=tree.tar.bz2\n`;
    await writeFile(join(folder, 'content/manifest.raucm'), manifest);
    run(`cd ${folder}; openssl req ${certificate} -keyout key.pem -out cert.pem 2>/dev/null
tar cf content/tree.tar -C ${tree} .; bzip2 -9 content/tree.tar
rauc bundle --cert=cert.pem --key=key.pem content tree.raucb`);
  },
  // Its service installs only into slots of a booted system: what is timed is what it does with a bundle before that,
  // and the unpacking, for which it calls tar.
  install: (_, folder) => `cd ${folder}; mkdir -p into
rauc extract --keyring=cert.pem tree.raucb into/content; tar xjf into/content/tree.tar.bz2 -C into; sync -f into`,
};

const mender: Peer = {
  name: 'Mender with its module `directory`, in its own format (gzip)',
  program: 'mender',
  target: null,
  async prepare(_, { tree }, folder) {
    await mkdir(join(folder, 'data'), { recursive: true });
    await writeFile(join(folder, 'data/device_type'), 'device_type=opq\n');
    await writeFile(join(folder, 'mender.conf'), `{"ArtifactVerifyKey": "${folder}/public.pem"}\n`);
    await writeFile(join(folder, 'dest_dir'), `${folder}/into\n`);
    // It takes keys in this form alone, and installs nothing where nothing says what is installed.
    run(`cd ${folder}; openssl genrsa -traditional -out key.pem 2048 2>/dev/null
openssl rsa -in key.pem -pubout -out public.pem 2>/dev/null
tar cf update.tar -C ${tree} .
mender-artifact write module-image -T directory -n bench -t opq -f update.tar -f dest_dir -k key.pem -o tree.mender
[ -e /etc/mender/artifact_info ] || echo artifact_name=none >/etc/mender/artifact_info`);
  },
  install: (_, folder) => `cd ${folder}; mkdir -p into; for verb in 'install tree.mender' commit; do
mender --config mender.conf --data ${folder}/data $verb 2>&1; done; sync -f into`,
};

export const peers: Benchmark = {
  name: 'peers',
  quick: false,
  async run(setting) {
    const payload = await setting.payload(85);
    const found: (Finding | NotRun)[] = [];
    for (const peer of [swupdate, rauc, mender]) {
      const what = 'the same from a local file, both with fsync';
      const folder = join(setting.folder, peer.program);
      if (!isInstalled(peer.program)) {
        found.push({ what: `${what}, against ${peer.name}`, because: `${peer.program} is not installed` });
        continue;
      }
      await mkdir(folder, { recursive: true });
      await peer.prepare(setting, payload, folder);
      let round = 0;
      const { ours, theirs } = await inPairs(
        setting.rounds,
        () => costOf(ourWay(setting, payload, payload.file, 'bzip2')),
        async () => {
          const cost = await costOf(peer.install(payload, folder));
          await rename(join(folder, 'into'), join(folder, `round-${++round}`));
          return cost;
        },
      );
      const words = {
        what: `${what}: time, against ${peer.name}`,
        against: peer.program,
        target: peer.target,
        unit: 's',
      };
      found.push(
        ratio(
          words,
          ours.map(({ wallS }) => wallS),
          theirs.map(({ wallS }) => wallS),
        ),
      );
    }
    return found;
  },
};

export const isInstalled = (program: string): boolean =>
  ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/local/bin'].some((folder) => existsSync(join(folder, program)));
