// Lists in files are each in force as soon as they could be read, whatever becomes of the others.
import t from 'tap';
import { AccessList } from '../../src/limit/access-list.ts';
import { AddressSet } from '../../src/limit/address-set.ts';
import { parseAddress } from '../../src/limit/address-words.ts';

t.test('a file that could not be read at first takes nothing away from the others when it can', async (t) => {
  const blocks = (...texts: string[]) => AddressSet.build(texts)!;
  const mayCome = (address: string): boolean => list.mayCome(parseAddress(address));
  const list = new AccessList(
    { allow: null, deny: { blocks: ['192.0.2.1'], files: ['a', 'b', 'c'] } },
    new Map([['b', blocks('198.51.100.0/24')]]),
  );
  const denied = (): string[] =>
    ['192.0.2.1', '203.0.113.1', '198.51.100.1', '2001:db8::1', '192.0.2.2'].filter((a) => !mayCome(a));
  t.same(denied(), ['192.0.2.1', '198.51.100.1']);
  const { version } = list;
  list.show(new Map([['a', blocks('203.0.113.0/24')]]));
  t.same(denied(), ['192.0.2.1', '203.0.113.1', '198.51.100.1']);
  t.not(list.version, version, 'who was let in before is asked anew');
  list.show(new Map([['c', blocks('2001:db8::/32')]]));
  t.same(denied(), ['192.0.2.1', '203.0.113.1', '198.51.100.1', '2001:db8::1']);
  list.show(new Map([['b', blocks()]]));
  t.same(denied(), ['192.0.2.1', '203.0.113.1', '2001:db8::1']);
});
