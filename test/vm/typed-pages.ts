/** Pages of docs/ with commands for root, in the order in which a booted box is told them. */
export interface TypedPage {
  readonly page: string;
  /** What the page takes for granted, in shell, in the folder in which its commands are typed. */
  readonly before?: string;
  /** What has to hold afterwards, in shell. */
  readonly after?: string;
  /** Lines that another scenario types. */
  readonly elsewhere?: RegExp;
}

export const typedPages: readonly TypedPage[] = [
  { page: 'server.md', after: 'curl --fail --silent --retry 20 --retry-connrefused http://127.0.0.1:8151/' },
  { page: 'control-api.md' },
  {
    page: 'keys.md',
    before: 'mkdir keys && cp public_key.pem keys && opq-release keygen reserve',
    after: "opq-updater keys list | grep -q '^reserve '",
  },
  { page: 'operator.md' },
  { page: 'install.md', elsewhere: /--(migrate|uninstall)/ },
  { page: 'technician.md', after: "opq-updater status | grep -q 'postponed'; opq-updater postpone --end" },
  { page: 'opq-updater.md' },
  { page: 'attended.md', before: 'opq-release keygen builder && cp builder/public_key.pem builder_public_key.pem' },
  // The emulator says nothing of its hardware, a Raspberry Pi does.
  { page: 'tuf.md', before: 'opq-updater config set hardware rpi/3' },
];

/** Commands of root in the shell blocks of a page. */
export const commandsOfRoot = (text: string): readonly string[] =>
  [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) => block!.match(/^sudo .*$/gm) ?? []);
