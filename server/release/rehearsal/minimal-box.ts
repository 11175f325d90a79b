import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A box as it comes from the factory, as far as an install script looks at it; programs are this machine's. */
const files: Readonly<Record<string, string>> = {
  'usr/local/box-config-daemon/VERSION': '1\n',
  'etc/systemd/system/box-config-daemon.service':
    '[Service]\nExecStart=/usr/local/box-config-daemon/box-config-daemon\n\n[Install]\nWantedBy=multi-user.target\n',
  'etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n',
  'etc/group': 'root:x:0:\n',
  'etc/hostname': 'opq-box\n',
};

const folders = ['etc/opq', 'home', 'opt', 'root', 'run', 'srv', 'usr/local/bin', 'var/lib', 'var/log'];

export async function makeMinimalBox(folder: string): Promise<string> {
  for (const name of folders) await mkdir(join(folder, name), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const wants = join(folder, 'etc/systemd/system/multi-user.target.wants');
  await mkdir(wants);
  await symlink('../box-config-daemon.service', join(wants, 'box-config-daemon.service'));
  return folder;
}
