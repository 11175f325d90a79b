import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UpdateError } from '../../protocol/errors.ts';
import { parseUpdateJson } from '../../protocol/update-json.ts';
import { errorOf } from '../support/error-of.ts';

const parse = (text: string) => parseUpdateJson(Buffer.from(text));

describe('update.json of a package', () => {
  it('may say everything that a package can say of itself', () => {
    const full = {
      hardware: ['rpi/3', 'rpi/4'],
      components: { 'box-config-daemon': '2.1.0', makai: '17' },
      services: ['box-config-daemon.service', 'triggering@1.service'],
      writable_paths: ['/usr/local/bin', '/var/www/opq'],
      notes: 'Counts dips of half a cycle.\n',
      unpacked_bytes: 0,
      updater: { version: '1.3.0-rc.1', path: 'parts/opq-updater' },
    };
    expect(parse(JSON.stringify(full))).toEqual(full);
    expect(parse('{}')).toEqual({});
  });

  it.each([
    ['is empty', ''],
    ['is not JSON', '{'],
    ['is a list', '[]'],
    ['is null', 'null'],
    ['has a key with a typing error', '{"hardwear":["rpi/3"]}'],
    ['fits no hardware', '{"hardware":[]}'],
    ['has hardware without a name', '{"hardware":[""]}'],
    ['has a component with a slash', '{"components":{"../x":"1"}}'],
    ['has a component named __proto__', '{"components":{"__proto__":"1"}}'],
    ['has a key named __proto__', '{"__proto__":{"notes":"x"}}'],
    ['has a component version that is a number', '{"components":{"makai":1}}'],
    ['names a service without its ending', '{"services":["box-config-daemon"]}'],
    ['names a service of the updater', '{"services":["opq-updater.service"]}'],
    ['names a service with an option', '{"services":["--all .service"]}'],
    ['writes a relative path', '{"writable_paths":["usr/local"]}'],
    ['writes a path with ..', '{"writable_paths":["/usr/local/../../etc"]}'],
    ['writes a path that ends in a slash', '{"writable_paths":["/usr/local/"]}'],
    ['writes the root', '{"writable_paths":["/"]}'],
    ['writes a path with a line end', '{"writable_paths":["/usr/local\\n"]}'],
    ['writes a path with two slashes', '{"writable_paths":["/usr//local"]}'],
    ['has negative bytes', '{"unpacked_bytes":-1}'],
    ...[
      '1.3',
      'v1.3.0',
      '1.3.0.1',
      '01.3.0',
      '1.3.0-',
      '1.3.0-RC.1',
      '1.3.0-rc.1.2',
      '1.3.0+7',
      '../1.3.0',
      '1.3.0\\n',
      '',
    ].map((version) => [
      `brings version "${version}" of the updater`,
      `{"updater":{"version":"${version}","path":"u"}}`,
    ]),
    ...['', '/u', 'u/', './u', 'u/../v', '..', 'u//v', '.u', 'u\\\\v', 'u v', 'u\\n', 'x'.repeat(201)].map((path) => [
      `brings an updater in "${path}"`,
      `{"updater":{"version":"1.3.0","path":"${path}"}}`,
    ]),
    ['brings an updater without a version', '{"updater":{"path":"u"}}'],
    ['brings an updater with more to say', '{"updater":{"version":"1.3.0","path":"u","guard":"guard.sh"}}'],
    ['has notes of 20,000 letters', JSON.stringify({ notes: 'x'.repeat(20_000) })],
  ])('is refused when it %s', (_, text) => {
    expect(errorOf(() => parse(text))).toBe('ARCHIVE_REFUSED');
  });

  it('is refused when it is not UTF-8', () => {
    expect(errorOf(() => parseUpdateJson(Buffer.from([0x22, 0xff, 0x22])))).toBe('ARCHIVE_REFUSED');
  });

  it('names only clean absolute folders to write, whatever comes', () => {
    const path = fc
      .array(fc.constantFrom('', '.', '..', 'usr', 'local', '\\', '\n', '...'), { maxLength: 5 })
      .map((parts) => parts.join('/'));
    fc.assert(
      fc.property(path, (text) => {
        try {
          const [folder] = parse(JSON.stringify({ writable_paths: [text] })).writable_paths!;
          expect(folder!.startsWith('/') && !/\/(\.\.?)?(\/|$)|[\\\n]/.test(folder!)).toBe(true);
        } catch (error) {
          if (!(error instanceof UpdateError)) throw error;
        }
      }),
    );
  });
});
