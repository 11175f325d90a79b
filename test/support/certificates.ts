import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
  readonly certPath: string;
}

/** An authority that nobody knows, made by the real openssl in `dir`; its certificate signs itself. */
export function makeAuthority(dir: string, name = 'authority'): Certificate {
  const [keyPath, certPath] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)];
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const what = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  openssl('req', '-x509', ...ec, '-keyout', keyPath, '-out', certPath, ...what);
  return { key: readFileSync(keyPath, 'utf8'), cert: readFileSync(certPath, 'utf8'), certPath };
}

/**
 * A server's certificate, signed by an authority of `makeAuthority`.
 * @param host such as `IP:127.0.0.1` or `DNS:example.org`
 * @param days when it begins and ends, as openssl writes it: `20200101000000Z`
 */
export function makeCertificate(
  dir: string,
  name: string,
  { host = 'IP:127.0.0.1', from = '20200101000000Z', to = '20400101000000Z', authority = 'authority' } = {},
): Certificate {
  const path = (ending: string) => join(dir, `${name}.${ending}`);
  writeFileSync(path('ext'), `subjectAltName=${host}\n`);
  writeFileSync(path('db'), '');
  // `openssl x509` of older versions cannot make a certificate that is over.
  writeFileSync(
    path('cnf'),
    [
      '[ca]\ndefault_ca=here\n[here]',
      `database=${path('db')}`,
      `new_certs_dir=${dir}`,
      'default_md=sha256\npolicy=any\nrand_serial=yes\n[any]\ncommonName=supplied\n',
    ].join('\n'),
  );
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-new', ...ec, '-keyout', path('key'), '-out', path('csr'), '-subj', `/CN=${name}`);
  const signer = ['-cert', join(dir, `${authority}.pem`), '-keyfile', join(dir, `${authority}.key`)];
  const made = ['-in', path('csr'), '-out', path('pem'), '-extfile', path('ext'), '-notext'];
  openssl('ca', '-batch', '-config', path('cnf'), ...signer, ...made, '-startdate', from, '-enddate', to);
  return { key: readFileSync(path('key'), 'utf8'), cert: readFileSync(path('pem'), 'utf8'), certPath: path('pem') };
}

const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
