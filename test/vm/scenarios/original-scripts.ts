import { chainOn } from '../chain.ts';
import { service } from '../release.ts';
import type { Scenario } from '../scenario.ts';

const target = '/usr/local/box-config-daemon';
const asRoot = `#!/bin/bash
if [[ $EUID -ne 0 ]]; then
  echo "root only"
  exit 1
fi
`;
const enable = `sudo systemctl daemon-reload
sudo systemctl enable ${service}
sudo systemctl start ${service}
`;

/** Everything goes by relative paths, and the service is taken away and brought back. */
const whole = `${asRoot}
sudo systemctl stop ${service}
sudo systemctl disable ${service}
rm -rf ${target}/*
mkdir -p ${target}
cp -R box-config-daemon/* ${target}/.
sudo cp ${service} /etc/systemd/system/.
${enable}
cp VERSION ${target}/.
`;
const byFolder = `#!/bin/bash
killall python3
sudo rm -rf ${target}/*
cd box-config-daemon
sudo cp -R * ${target}/.
cd ..
sudo cp ${service} /etc/systemd/system/.
${enable}
sudo cp VERSION ${target}/.
`;
/** Confined, it can only empty the folder; what it does next works all the same. */
const removesFolder = (first: string) => `#!/bin/bash
${first}
sudo systemctl stop ${service}
sudo rm -rf ${target}
mkdir ${target}
cd box-config-daemon
cp -R . ${target}
cd ..
cp ${service} /etc/systemd/system
${enable}
cp VERSION ${target}
`;

/** None of them knows of this updater: no update.json, no care for errors. */
export const originalScripts: Scenario = {
  name: 'original-scripts',
  about:
    'releases in the manner of the original boxes: bash, sudo, cd, relative cp -R, systemctl, rm -rf of the folder',
  quick: false,
  from: 'box',
  async run(context) {
    const { machine, expect } = context;
    const chain = chainOn(context);
    await machine.boot();
    await chain.keeps({ version: 1_600_000_001, script: whole });
    await chain.keeps({ version: 1_600_000_002, script: byFolder });
    await chain.keeps({ version: 1_600_000_003, script: removesFolder('') });
    const strict = { version: 1_600_000_004, script: removesFolder('set -e') };
    const { because } = await chain.putsBack(strict, 'INSTALL_SCRIPT_FAILED');
    expect('what to do instead in the message', because?.message.includes(`rm -rf ${target}/*`), true);
    await chain.keeps({ version: 1_600_000_005 });
    return 'three confirmed; one with set -e and rm -rf of the folder itself put back and told why; the next confirmed';
  },
};
