// What stands for a stored value: the same for the same, another for whatever an app would read otherwise.
import t from 'tap';
import type { StoredCell, StoredValue } from '../../src/session/store.ts';
import { printOf } from '../../src/session/tracked.ts';

const stored = (text: string, flags = 0, cells: readonly [string, StoredCell][] = []): StoredValue => ({
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
    values.push(stored('x'.repeat(length)));
    if (length > 0) values.push(stored(`${'x'.repeat(length - 1)}y`), stored(`y${'x'.repeat(length)}`));
  }
  values.push(stored('x', 1), stored('x', 0, [['a', 1]]), stored('x', 0, [['a', '1']]));
  values.push(stored('', 0, [['a', new Uint8Array([0x31])]]), stored('', 0, [['b', null]]));
  const prints = values.map(printOf);
  t.same(values.map(printOf), prints, 'the same each time');
  t.equal(new Set(prints).size, values.length, 'and another for each');
  t.equal(prints.indexOf(0), 0, '0 is for what is not there alone');
  t.ok(prints.every((print) => print === (print | 0)));
  // What was dropped by the store later, or changed in a file, is another matter.
  t.equal(printOf({ ...stored('x'), endsAtS: 5, mtimeS: 7 }), printOf(stored('x')));
  t.end();
});
