import { describe, expect, it } from 'vitest';
import { hasReadableLogin, loginOf, plainUrl, shownUrl, withoutLogin } from '../../protocol/address.ts';
import { describeProblem, judgeConfig, parseConfigText } from '../../protocol/config.ts';

const secret = 'topsecret';

describe('an address with a password in it', () => {
  it.each([
    [`http://box:${secret}@host/x`, 'http://***@host/x'],
    [`https://${secret}@host:81/`, 'https://***@host:81/'],
    [`http://a@b:${secret}@host/`, 'http://***@host/'],
    [`http://12/${secret}@host/`, 'http://***@host/'],
    [`http://host/x?token=${secret}`, 'http://host/x?***'],
    [`http://host/x#${secret}`, 'http://host/x#***'],
    [`http:/box:${secret}@host/`, 'http:/***@host/'],
    [`${secret}@host`, '***@host'],
    [`box:${secret}@host`, '***@host'],
    [`ht tp://box:${secret}\n@host`, '***@host'],
    ['http://host/x', 'http://host/x'],
  ])('is shown without it: %j', (address, shown) => expect(shownUrl(address)).toBe(shown));

  it('is asked for without it, and gives it to its own server alone', () => {
    const address = 'http://b%40x:s%20cret@host:81/x';
    expect(plainUrl(address)).toBe('http://host:81/x');
    expect(loginOf(address)).toEqual({
      origin: 'http://host:81',
      basic: Buffer.from('b@x:s cret').toString('base64'),
    });
    expect(loginOf('http://host/')).toBeUndefined();
  });

  it('is hidden within any text', () => expect(withoutLogin(`["http://a:${secret}@b/"]`)).toBe('["http://***@b/"]'));

  it('is refused where its password cannot be read', () => {
    expect(hasReadableLogin('http://a:100%@b/')).toBe(false);
    expect(hasReadableLogin('http://a:100%25@b/')).toBe(true);
  });
});

describe('what is wrong with a configuration is told without the password in it, as for', () => {
  const files: [string, string][] = [
    ['another scheme', `{"server_url":"ftp://box:${secret}@host/"}`],
    ['no scheme', `{"proxy_url":"box:${secret}@host:3128"}`],
    ['a space', `{"server_url":"http://box:${secret} @host/"}`],
    ['an address in a list', `{"server_url":["http://box:${secret}@host/"]}`],
    ['an address under another key', `{"version_file":"http://box:${secret}@host/"}`],
    ['an address in place of the file', `"http://box:${secret}@host/"`],
    ['a comma that is missing', `{"a":1 "server_url":"http://box:${secret}@host/"}`],
    ['a quote that is missing', `{"server_url": http://${secret}@h/"}`],
    ['a file that ends early', `{"server_url":"http://box:${secret}`],
  ];
  it.each(files)('%s', (_, text) => {
    const parsed = parseConfigText(text);
    const problems = 'problem' in parsed ? [parsed.problem] : judgeConfig(parsed.json).problems;
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.map(describeProblem).join('\n')).not.toContain(secret.slice(0, 5));
  });
});
