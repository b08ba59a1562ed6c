// Connections by address: exact over workers, given back with a worker that dies, and of a fixed size.
import t from 'tap';
import { AddressCounts, UNCOUNTED } from '../../src/limit/address-counts.ts';
import { parseAddress } from '../../src/limit/address-words.ts';

const at = (text: string) => parseAddress(text)!;

t.test('two workers count an address together, IPv6 ones by their prefix', async (t) => {
  const memory = AddressCounts.allocate(100, 2);
  const one = new AddressCounts(memory, 0, 64);
  const two = new AddressCounts(memory, 1, 64);
  const rows = [one.arrive(at('192.0.2.1')), two.arrive(at('192.0.2.1'))];
  t.equal(two.count, 2);
  t.equal(one.countOf(at('192.0.2.1')), 2);
  one.arrive(at('192.0.2.2'));
  t.equal(one.count, 1, 'another address is another');
  one.leave(rows[0]!);
  one.arrive(at('192.0.2.1'));
  t.equal(one.count, 2);
  one.arrive(at('2001:db8::1'));
  two.arrive(at('2001:db8::2'));
  t.equal(two.count, 2, 'the same /64');
  two.arrive(at('2001:db8:0:1::2'));
  t.equal(two.count, 1);
});

t.test('what a worker held is given back when it dies, and nothing else', async (t) => {
  const memory = AddressCounts.allocate(100, 2);
  const one = new AddressCounts(memory, 0, 64);
  const two = new AddressCounts(memory, 1, 64);
  for (let i = 0; i < 5; i++) one.arrive(at('192.0.2.1'));
  two.arrive(at('192.0.2.1'));
  AddressCounts.release(memory, 0);
  t.equal(two.countOf(at('192.0.2.1')), 1);
  AddressCounts.release(memory, 0);
  t.equal(two.countOf(at('192.0.2.1')), 1, 'once');
});

t.test('rows of addresses that have gone are others’, and a table that is full counts no more', async (t) => {
  const memory = AddressCounts.allocate(64, 1);
  const counts = new AddressCounts(memory, 0, 64);
  for (let round = 0; round < 200; round++) {
    const rows = Array.from({ length: 50 }, (_, i) => counts.arrive(at(`10.0.${round}.${i}`)));
    t.notOk(rows.includes(UNCOUNTED), `round ${round}`);
    for (const row of rows) counts.leave(row);
  }
  let uncounted = 0;
  for (let i = 0; i < 500; i++) {
    if (counts.arrive(at(`10.1.${i >> 8}.${i & 255}`)) !== UNCOUNTED) continue;
    uncounted++;
    t.equal(counts.count, 0, 'and says so');
  }
  t.ok(uncounted >= 300, `${uncounted} were too many for it`);
});
