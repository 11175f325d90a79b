import { chainOn } from '../chain.ts';
import { service } from '../release.ts';
import type { Context, Scenario } from '../scenario.ts';

const target = '/usr/local/box-config-daemon';

/** To the last block: in large pieces first, as writing two gigabytes takes minutes. */
const fill = `rm -rf ${target}/*
n=0
for size in 1G 256M 64M 16M; do
  while fallocate -l $size ${target}/fill-$((n += 1)) 2>/dev/null; do :; done
done
dd if=/dev/zero of=${target}/rest bs=64k`;
const copy = `cp -R box-config-daemon/. ${target}/
cp ${service} /etc/systemd/system/
cp VERSION ${target}/VERSION`;

const outside = ['/usr/local/other', '/etc/other', '/usr/bin/other', '/var/lib/opq-updater/other', '/boot/other'];
const write = `echo changed >>/etc/hosts
echo changed >>/etc/opq/updater_config.json
for path in ${outside.join(' ')}; do echo written >$path; done`;

async function expectNothingOutside({ machine, expect }: Context): Promise<void> {
  const { out } = await machine.run(`ls -d ${outside.join(' ')} 2>/dev/null; grep changed /etc/hosts`);
  expect('what was written outside of the writable paths', out, '');
}

/** Scripts that fail, and scripts that fail and say that they did not. */
export const badScripts: Scenario = {
  name: 'bad-scripts',
  about:
    'scripts that fill the disk, with and without set -e, and that write outside of their paths, aloud and silently',
  quick: false,
  from: 'box',
  async run(context) {
    const { machine } = context;
    const chain = chainOn(context);
    await machine.boot();
    const strict = { version: 1_600_000_001, script: `#!/bin/bash\nset -e\n${fill}\n${copy}\n` };
    await chain.putsBack(strict, 'INSTALL_SCRIPT_FAILED');
    const careless = { version: 1_600_000_002, script: `#!/bin/bash\n${fill}\n${copy}\nexit 0\n` };
    await chain.putsBack(careless, 'WRITE_FAILED');
    const aloud = { version: 1_600_000_003, begin: `set +e\n${write}\nset -e` };
    await chain.putsBack(aloud, 'WRITE_FAILED');
    await expectNothingOutside(context);
    const silent = { version: 1_600_000_004, begin: `(${write}) 2>/dev/null || true` };
    await chain.keeps(silent);
    await expectNothingOutside(context);
    return 'whole old each time, nothing outside; the one that did not need what it could not write was confirmed';
  },
};
