// Following a session to the instance that answers it allocates nothing per request.
import t from 'tap';
import { LearnedTable } from '../../src/affinity/learned.ts';
import { latin1Bytes } from '../../src/base/byte-writer.ts';
import { markAt, placeOf, SessionTrails, TRAIL } from '../../src/pool/session-trails.ts';
import { bytesPerCall, NOISE_BYTES } from './bytes-per-call.ts';

const options = { cookie: 'sid', holds: 'id', login: [], ignore: [], entries: 1000, idleMs: 60_000 } as const;
const trails = new SessionTrails(options, LearnedTable.allocate(1000, 60_000), false);
const key = (value: string): string => {
  const bytes = latin1Bytes(`; ${value};`);
  trails.keyOf(bytes, 2, bytes.length - 1);
  return `${trails.table.keyHi} ${trails.table.keyLo}`;
};

t.test('a session is known by its id, whoever signed it', async (t) => {
  t.equal(key('s%3Aabc.signature'), key('s%3Aabc.another'));
  t.not(key('s%3Aabc.signature'), key('s%3Aabd.signature'));
  t.equal(key('0AAB6C8D.worker1'), key('0AAB6C8D.worker2'), 'Tomcat behind mod_jk');
  t.not(key('.abc'), key('.abd'), 'a dot without an id');
  const whole = new SessionTrails({ ...options, holds: 'session' }, LearnedTable.allocate(10, 1000), true);
  const wholeKey = (value: string): string => {
    const bytes = latin1Bytes(value);
    whole.keyOf(bytes, 0, bytes.length);
    return `${whole.table.keyHi} ${whole.table.keyLo}`;
  };
  t.not(wholeKey('data.signature'), wholeKey('data.another'), 'which is all of the session');
});

t.test('a session is found, and followed, without allocation', async (t) => {
  const values = ['one', 'two', 'three'].map((id) =>
    latin1Bytes(`s%3A${id}${'x'.repeat(28)}.${'y'.repeat(43)}`),
  );
  const { table } = trails;
  let wrong = 0;
  const bytes = bytesPerCall((i) => {
    const value = values[i % 3]!;
    trails.keyOf(value, 0, value.length);
    const { keyHi, keyLo } = table;
    const kept = table.recall(keyHi, keyLo, 1);
    if (i > 2 && placeOf(kept) !== (i % 3) + 1) wrong++;
    const mark = markAt((i % 3) + 1, TRAIL.shown | TRAIL.login);
    if (mark !== kept) table.settle(keyHi, keyLo, mark, 1);
  });
  t.equal(wrong, 0);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});
