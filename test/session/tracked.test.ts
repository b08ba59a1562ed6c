// What stands for a stored value: the same for the same, another for whatever an app would read otherwise.
import t from 'tap';
import type { StoredCell, StoredValue } from '../../src/session/store.ts';
import { printOf } from '../../src/session/tracked.ts';

const valueOf = (text: string, flags = 0, cells: readonly [string, StoredCell][] = []): StoredValue => ({
  bytes: Buffer.from(text),
  cells: new Map(cells),
  flags,
  mtimeS: null,
  endsAtS: null,
});

t.test('a print tells whether an app would find something else', (t) => {
  // Lengths about each bound of how it is made: by hand, in memory that is kept, in memory of its own.
  const lengths = [0, 1, 3, 4, 255, 256, 257, 512, 16 * 1024, 16 * 1024 + 1];
  const values: (StoredValue | null)[] = [null];
  for (const length of lengths) {
    values.push(valueOf('x'.repeat(length)));
    if (length > 0) values.push(valueOf(`${'x'.repeat(length - 1)}y`), valueOf(`y${'x'.repeat(length)}`));
  }
  values.push(valueOf('x', 1), valueOf('x', 0, [['a', 1]]), valueOf('x', 0, [['a', '1']]));
  values.push(valueOf('', 0, [['a', new Uint8Array([0x31])]]), valueOf('', 0, [['b', null]]));
  const prints = values.map(printOf);
  t.same(values.map(printOf), prints, 'the same each time');
  t.equal(new Set(prints).size, values.length, 'and another for each');
  t.equal(prints.indexOf(0), 0, '0 is for what is not there alone');
  t.ok(prints.every((print) => print === (print | 0)));
  // What was dropped by the store later, or changed in a file, is another matter.
  t.equal(printOf({ ...valueOf('x'), endsAtS: 5, mtimeS: 7 }), printOf(valueOf('x')));
  t.end();
});
