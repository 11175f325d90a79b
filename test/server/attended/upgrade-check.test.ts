import { afterAll, beforeAll, describe, it } from 'vitest';
import { base, error, hash, mustBe, type Row } from './contract.ts';
import { dialects, newRelease, oldRelease, openShop, type Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

const installed = { triggering: '1.9', updater: '1.0.0' };

describe.each(['A', 'B'] as const)('In dialect %s', (dialect) => {
  const where = dialects[dialect];
  const whole = { ...base, ...where };

  describe('POST /api/upgrade-check answers', () => {
    const rows: Row[] = [
      { when: 'what is not JSON', body: 'distro=opq', status: 400, json: error },
      { when: 'what is no object', body: [whole], status: 400, json: error },
      { when: 'an empty body', body: '', status: 400, json: error },
      { when: 'bytes that are not UTF-8', body: '{"distro":"\xff', status: 400, json: error },
      { when: 'a version that is a number', body: { ...whole, version: oldRelease }, status: 400, json: error },
      { when: 'a distro that is a list', body: { ...whole, distro: ['opq'] }, status: 400, json: error },
      { when: 'a list of what is installed', body: { ...whole, installed: ['triggering'] }, status: 400, json: error },
      {
        when: 'a version of a component that is a number',
        body: { ...whole, installed: { triggering: 1 } },
        status: 400,
        json: error,
      },
      {
        when: 'no distro',
        body: { ...whole, distro: undefined },
        status: 400,
        headers: { 'x-missing-param': 'distro' },
        json: error,
      },
      {
        when: 'no target',
        body: { ...whole, target: undefined },
        status: 400,
        headers: { 'x-missing-param': 'target' },
        json: error,
      },
      { when: 'an unknown distro', body: { ...whole, distro: 'openwrt' }, status: 412, json: error },
      { when: 'an unknown version', body: { ...whole, version: 'snapshot' }, status: 412, json: error },
      {
        when: 'an unknown target',
        body: { ...whole, ...(dialect === 'A' ? { subtarget: '9' } : { target: 'rpi/9' }) },
        status: 412,
        json: error,
      },
      {
        when: 'a target named like a property of objects',
        body: { ...whole, ...(dialect === 'A' ? { target: '__proto__' } : { target: 'constructor' }) },
        status: 412,
        json: error,
      },
      {
        when: 'unknown components',
        body: { ...whole, installed: { ...installed, luci: '1', dnsmasq: '2' } },
        status: 422,
        headers: { 'x-unknown-package': 'luci, dnsmasq' },
        json: error,
      },
      {
        when: 'a component whose name is none',
        body: { ...whole, installed: { '\r\nSet-Cookie: a': '1', '': '2' } },
        status: 422,
        headers: { 'x-unknown-package': '??Set-Cookie??a, ?' },
        json: error,
      },
      {
        when: 'a newer version',
        body: { ...whole, installed },
        status: 200,
        json: {
          version: String(newRelease),
          upgrades: { triggering: ['1.10', '1.9'] },
          packages: ['triggering', 'updater'],
        },
      },
      {
        when: 'a newer version with the names under the older key',
        body: { ...whole, packages: installed },
        status: 200,
        json: {
          version: String(newRelease),
          upgrades: { triggering: ['1.10', '1.9'] },
          packages: ['triggering', 'updater'],
        },
      },
      {
        when: 'a newer version to who does not say what is installed',
        body: whole,
        status: 200,
        json: { version: String(newRelease) },
      },
      {
        when: 'a box as it was shipped',
        body: { ...whole, version: '1' },
        status: 200,
        json: { version: String(newRelease) },
      },
      {
        when: 'a distro in capitals',
        body: { ...whole, distro: 'OPQ' },
        status: 200,
        json: { version: String(newRelease) },
      },
      {
        when: 'keys that nobody knows',
        body: { ...whole, revision: 'r1', a: {} },
        status: 200,
        json: { version: String(newRelease) },
      },
      ...[undefined, 0, '0', false].map((off) => ({
        when: `nothing newer, with upgrade_packages ${JSON.stringify(off)}`,
        body: { ...whole, version: String(newRelease), installed, upgrade_packages: off },
        status: 204,
        headers: { 'x-request-hash': hash },
      })),
      ...[1, '1', true].map((on) => ({
        when: `newer components of the same version, with upgrade_packages ${JSON.stringify(on)}`,
        body: { ...whole, version: String(newRelease), installed, upgrade_packages: on },
        status: 200,
        json: { upgrades: { triggering: ['1.10', '1.9'] }, packages: ['triggering', 'updater'] },
      })),
      {
        when: 'no newer components, with upgrade_packages on',
        body: { ...whole, version: String(newRelease), installed: { triggering: '1.10' }, upgrade_packages: 1 },
        status: 204,
        headers: { 'x-request-hash': hash },
      },
      { when: 'a box that is ahead', body: { ...whole, version: '1999999999', installed }, status: 204 },
      { when: 'no version, which is the newest', body: { ...whole, version: undefined, installed }, status: 204 },
    ];
    it.each(rows)('$when', async (row) => mustBe(await shop.post('/api/upgrade-check', row.body), row));
  });
});
