// Addresses as numbers, and sets of them: what a set holds is what its blocks say, for every one of many chances.
import ipaddr from 'ipaddr.js';
import t from 'tap';
import { AddressSet, readBlocks } from '../../src/limit/address-set.ts';
import { layAddress, parseAddress, parseBlock } from '../../src/limit/address-words.ts';

function setOf(...blocks: string[]): AddressSet {
  const memory = AddressSet.build(blocks);
  if (memory === null) throw new Error('no blocks');
  return new AddressSet(memory);
}
const has = (set: AddressSet, address: string): boolean => set.has(parseAddress(address)!);

t.test('addresses are read as they are written today, and as nothing else', async (t) => {
  t.same(parseAddress('1.2.3.4'), { v6: false, w0: 0, w1: 0, w2: 0, w3: 0x01020304 });
  t.same(parseAddress('255.255.255.255')?.w3, -1);
  t.same(parseAddress('::ffff:10.0.0.1'), parseAddress('10.0.0.1'), 'IPv4 in its clothes is IPv4');
  t.same(parseAddress('::ffff:a00:1'), parseAddress('10.0.0.1'));
  t.same(parseAddress('2001:db8::1'), { v6: true, w0: 0x20010db8, w1: 0, w2: 0, w3: 1 });
  t.same(parseAddress('fe80::1%eth0'), parseAddress('fe80::1'));
  for (const text of [
    ...['', '1', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', '1..2.3', '0x1.2.3.4', 'unix:'],
    ...['::g', ':::', '1::2::3', 'unknown', '1.2.3.-4', '.1.2.3.4', '1.2.3.4.'],
  ])
    t.equal(parseAddress(text), null, text);
});

t.test('blocks that are none are none', async (t) => {
  for (const text of [
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '::/129',
    '::ffff:0:0/95',
    'x/8',
    '10/8',
    'fe80::%e/64',
  ])
    t.equal(parseBlock(text), null, text);
  t.same(parseBlock('::ffff:10.0.0.0/104'), parseBlock('10.0.0.0/8'));
});

t.test('a set holds what its blocks hold, and not the neighbours', async (t) => {
  const set = setOf(
    '10.0.0.0/8',
    '192.0.2.7',
    '10.1.0.0/16',
    '0.0.0.0/32',
    '2001:db8::/32',
    '::1',
    'fd00::/8',
  );
  for (const address of [
    '10.0.0.0',
    '10.255.255.255',
    '192.0.2.7',
    '0.0.0.0',
    '::ffff:10.9.8.7',
    '2001:db8:ffff::1',
    '::1',
    'fdff::',
  ])
    t.ok(has(set, address), address);
  for (const address of [
    '9.255.255.255',
    '11.0.0.0',
    '192.0.2.6',
    '192.0.2.8',
    '0.0.0.1',
    '2001:db7::',
    '2001:db9::',
    '::2',
    '::',
    'fe00::',
  ])
    t.notOk(has(set, address), address);
  t.notOk(has(setOf('::/0'), '1.2.3.4'), 'all of IPv6 is no IPv4');
  t.ok(has(setOf('0.0.0.0/0'), '255.255.255.255'));
  t.notOk(has(setOf(), '1.2.3.4'));
});

t.test('a large set says of each address what ipaddr.js says, asked block by block', async (t) => {
  let seed = 7;
  const chance = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
  const part = () => chance(256);
  const v4 = () => `${part()}.${part()}.${part()}.${part()}`;
  const v6 = () => Array.from({ length: 8 }, () => chance(65536).toString(16)).join(':');
  const blocks: string[] = [];
  for (let i = 0; i < 300; i++) {
    blocks.push(
      `${ipaddr.IPv4.networkAddressFromCIDR(`${v4()}/${8 + chance(25)}`).toString()}/${12 + chance(21)}`,
    );
    blocks.push(`${v6()}/${4 + chance(125)}`);
  }
  const set = setOf(...blocks);
  const parsed = blocks.map((block) => ipaddr.parseCIDR(block));
  const expected = (text: string): boolean => {
    const address = ipaddr.parse(text);
    return parsed.some(([net, bits]) => net.kind() === address.kind() && address.match([net, bits] as never));
  };
  let wrong = 0;
  let held = 0;
  for (let i = 0; i < 4000; i++) {
    // Half of them at the edges of a block, where a search goes wrong if it does.
    const near = parseBlock(blocks[chance(blocks.length)]!)![i % 2]!;
    const edge = near.v6 ? null : (near.w3 + chance(3) - 1) >>> 0;
    const text =
      i % 3 === 0
        ? v6()
        : edge === null
          ? v4()
          : [24, 16, 8, 0].map((shift) => (edge >>> shift) & 255).join('.');
    if (has(set, text) !== expected(text)) wrong++;
    if (expected(text)) held++;
  }
  t.equal(wrong, 0);
  t.ok(held > 500, `${held} of them were in it`);
});

t.test('a file is read line by line, with remarks, and a mistake is told with its line', async (t) => {
  const reading = readBlocks('# bad ones\n10.0.0.0/8 # all of it\r\n\n\t192.0.2.1\n2001:db8::/32');
  t.notMatch(reading, { wrong: String });
  if ('wrong' in reading) return;
  t.equal(reading.blocks, 3);
  const set = new AddressSet(reading.memory);
  t.ok(has(set, '10.1.1.1') && has(set, '192.0.2.1') && has(set, '2001:db8::1'));
  t.equal(set.size, 3);
  t.same(readBlocks('10.0.0.0/8\n10.0.0.0/99\n'), { wrong: 'line 2 is no address and no CIDR block' });
  t.match(readBlocks(''), { blocks: 0 });
});

t.test('a hundred thousand blocks are read, and hold what they say', async (t) => {
  const lines = Array.from(
    { length: 100_000 },
    (_, i) => `${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}.0/25`,
  );
  const reading = readBlocks(lines.join('\n'));
  if ('wrong' in reading) throw new Error(reading.wrong);
  const set = new AddressSet(reading.memory);
  t.ok(has(set, '1.0.0.127') && has(set, '2.134.159.5'));
  t.notOk(has(set, '1.0.0.128') || has(set, '2.134.160.5'));
});

t.test('what stands for a client is its address, or its prefix', async (t) => {
  const laid = (text: string, prefix: number): string => {
    const into = Buffer.alloc(17);
    return into.subarray(0, layAddress(parseAddress(text)!, prefix, into)).toString('hex');
  };
  t.equal(laid('1.2.3.4', 64), '0401020304');
  t.equal(laid('2001:db8:1:2:3:4:5:6', 64), `0620010db800010002${'00'.repeat(8)}`);
  t.equal(laid('2001:db8:1:2:3:4:5:6', 56), `0620010db800010000${'00'.repeat(8)}`);
  t.equal(laid('2001:db8:1:2:3:4:5:6', 128), '0620010db8000100020003000400050006');
});
