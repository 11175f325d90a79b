/** A box in a folder for install.sh: its files are real, the programs that would change the machine are not. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ownFolder, repo } from './the-deb.ts';

export const trixie = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n';
export const raspbian = 'PRETTY_NAME="Raspbian GNU/Linux 13 (trixie)"\nID=raspbian\nVERSION_ID="13"\n';
export const bookworm = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n';

export const installer = join(repo, 'setup/install.sh');

/** Programs that install.sh calls: they note the call, then do as much of it as a folder allows. */
const programs: Readonly<Record<string, string>> = {
  id: `case $1 in -u) echo "\${FAKE_UID:-0}" ;; *) echo somebody ;; esac`,
  node: `case $1 in --version) echo "\${FAKE_NODE:-v20.19.2}" ;; *) exec "${process.execPath}" "$@" ;; esac`,
  // A power cut, as far as files see it: nothing is renamed any more, and who asked for it is gone.
  mv: `if [ -n "\${FAKE_CUT:-}" ]; then
      echo x >>"$OPQ_ROOT/../renames"
      [ "$(wc -l <"$OPQ_ROOT/../renames")" -le "$FAKE_CUT" ] || { kill -KILL $PPID; exit 1; }
    fi
    exec /bin/mv "$@"`,
  cron: ':',
  systemctl: `if [ "$1" = stop ] && [ -n "\${FAKE_BEGUN:-}" ]; then
      mkdir -p "$OPQ_ROOT/var/lib/opq-updater"
      echo '{"step":"download"}' >"$OPQ_ROOT/var/lib/opq-updater/journal.json"
    fi`,
  'dpkg-query': 'test ! -e "$OPQ_ROOT/usr/bin/opq-updater" || echo installed',
  'apt-get': `for deb; do :; done
    case $* in
      update) ;;
      *remove*|*purge*) rm -r "$OPQ_ROOT/usr/bin" "$OPQ_ROOT/usr/lib" "$OPQ_ROOT/usr/share" ;;
      *.deb)
        if [ -n "\${FAKE_NO_LISTS:-}" ] && [ ! -e "$OPQ_ROOT/tried" ]; then : >"$OPQ_ROOT/tried"; exit 100; fi
        dpkg-deb -x "$deb" "$OPQ_ROOT"
        mkdir -p "$OPQ_ROOT/etc/opq"
        config=$OPQ_ROOT/etc/opq/updater_config.json
        [ -e "$config" ] || cp "$OPQ_ROOT/usr/share/opq-box-updater/updater_config.json.sample" "$config" ;;
    esac`,
  'opq-updater': `config=$OPQ_ROOT/etc/opq/updater_config.json
    case $1:$2 in
      help:doctor) exit "\${FAKE_NO_DOCTOR:-0}" ;;
      keys:list) echo '[]' ;;
      doctor:) exit "\${FAKE_DOCTOR:-0}" ;;
      config:set)
        if [ "$4" = null ] && [ -n "\${FAKE_NO_NULL:-}" ]; then exit 0; fi
        value=$4; [ "$value" = null ] || value="\\"$4\\""
        # What the page has set it takes away, as the daemon does.
        rm -f "$OPQ_ROOT/var/lib/opq-updater/settings.json"
        sed -i "s|\\"$3\\": [^,]*|\\"$3\\": $value|" "$config" ;;
    esac`,
};

export function emptyBox(osRelease = trixie) {
  const top = ownFolder();
  const root = join(top, 'root');
  const calls = join(top, 'calls');
  const put = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  put(join(root, 'etc/os-release'), osRelease);
  put(join(root, 'etc/machine-id'), '0123456789abcdef0123456789abcdef\n');
  for (const [name, does] of Object.entries(programs)) {
    put(join(top, 'bin', name), `#!/bin/sh\necho "${name} $*" >>"${calls}"\n${does}\n`);
    chmodSync(join(top, 'bin', name), 0o755);
  }
  const text = (path: string) => readFileSync(join(root, path), 'utf8');
  return {
    root,
    text,
    put: (path: string, content: string) => put(join(root, path), content),
    has: (path: string) => existsSync(join(root, path)),
    config: () => JSON.parse(text('etc/opq/updater_config.json')) as Record<string, unknown>,
    /** What was called since the last look, but for questions. */
    called(): string[] {
      const lines = existsSync(calls) ? readFileSync(calls, 'utf8').trimEnd().split('\n') : [];
      rmSync(calls, { force: true });
      return lines
        .filter((line) => !/^(id|node|dpkg-query|mv) |^opq-updater (help|keys list)/.test(line))
        .map((line) => line.replace(/ -o Dpkg::\S+/g, ''));
    },
    /** @param how `typed`: in a terminal, with somebody who types that */
    install(
      args: string[],
      env: Record<string, string> = {},
      { script = installer, shell = ['dash'], typed = '' } = {},
    ) {
      const words = [...shell, script, ...args];
      const inTerminal = ['script', '-qefc', words.map((word) => `'${word}'`).join(' '), '/dev/null'];
      const [program, ...rest] = typed ? inTerminal : words;
      const { status, stdout, stderr } = spawnSync(program!, rest, {
        env: { ...process.env, OPQ_ROOT: root, PATH: `${join(top, 'bin')}:${process.env.PATH}`, SUDO_USER: '', ...env },
        input: typed,
        encoding: 'utf8',
      });
      return { status, stdout, stderr };
    },
  };
}
