// Whose word about the client is believed.
import t from 'tap';
import { plainAddress, TrustedProxies } from '../../src/plan/trusted-proxies.ts';

const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1']);

t.test('addresses and blocks of both families are believed, and nothing else', async (t) => {
  for (const address of ['10.0.0.1', '10.255.255.255', '192.0.2.7', 'fd12::1', '::1', '::ffff:10.1.2.3']) {
    t.ok(proxies.trusts(address), address);
  }
  for (const address of [
    '11.0.0.1',
    '192.0.2.8',
    'fe80::1',
    '::2',
    '::ffff:11.1.2.3',
    '',
    'unix:',
    '10.0.0',
    'a',
  ]) {
    t.notOk(proxies.trusts(address), address);
  }
});

t.test('by default nobody is believed', async (t) => {
  const nobody = new TrustedProxies([]);
  t.ok(nobody.none);
  t.notOk(nobody.trusts('127.0.0.1'));
});

t.test('the client is the nearest hop that is no proxy of ours', async (t) => {
  const client = (list: string): string => proxies.clientOf(list, '10.0.0.9');
  t.equal(client('203.0.113.5'), '203.0.113.5');
  t.equal(client('6.6.6.6, 203.0.113.5, 10.0.0.2'), '203.0.113.5', 'what stands before it is hearsay');
  t.equal(client('10.0.0.3, 10.0.0.2'), '10.0.0.3', 'only proxies: the farthest');
  t.equal(client('203.0.113.5:4711, 10.0.0.2'), '203.0.113.5', 'a port is no part of it');
  t.equal(client('[2001:db8::1]:4711'), '2001:db8::1');
  t.equal(client('2001:db8::1'), '2001:db8::1');
});

t.test('thousands of proxies in a row are no chain that is gone through', async (t) => {
  const list = Array.from({ length: 3000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  t.equal(proxies.clientOf(list.join(', '), '10.0.0.9'), list.at(-32));
  t.equal(proxies.clientOf(['203.0.113.5', ...list.slice(0, 31)].join(','), '10.0.0.9'), '203.0.113.5');
});

t.test('a list that says no address ends the belief in it', async (t) => {
  const client = (list: string): string => proxies.clientOf(list, '10.0.0.9');
  for (const list of ['', 'unknown', '_hidden', '203.0.113.5, nonsense'])
    t.equal(client(list), '10.0.0.9', list);
  t.equal(client('203.0.113.5, nonsense, 10.0.0.2'), '10.0.0.2');
});

t.test('an IPv4 address is written as one', async (t) => {
  t.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1');
  for (const address of ['192.0.2.1', '::1', '::ffff:abcd']) t.equal(plainAddress(address), address);
});
