// What a store answered is held by nobody but those who asked.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { HandClock } from '../../../src/base/clock.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { HandTimers } from '../../../src/base/timers.ts';
import type { StoredValue } from '../../../src/session/store.ts';
import { StoreGate } from '../../../src/session/stores/gate.ts';
import { value } from '../../kit/store-drill.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void; // Node's own, there by the flag

const LOOKUPS = 3000;

/** Looks all up at once, and holds none of what is found. */
async function lookUpAll(gate: StoreGate): Promise<WeakRef<StoredValue>[]> {
  const found = await Promise.all(Array.from({ length: LOOKUPS }, (_, i) => gate.get(value(`${i}`))));
  return found.map((stored) => new WeakRef(stored!));
}

t.test('an answered value is let go of long before its deadline', async (t) => {
  const clock = new HandClock();
  const gate = new StoreGate(
    {
      get: async () => ({
        bytes: new Uint8Array(1),
        cells: new Map(),
        flags: 0,
        mtimeS: null,
        endsAtS: null,
      }),
      ping: async () => {},
      close: async () => {},
    },
    { deadlineMs: 60_000, concurrency: 100, waiting: LOOKUPS },
    { clock, timers: new HandTimers(clock), random: new SeededRandom(7) },
  );
  const values = await lookUpAll(gate);
  // A reference that was just made is kept until the turn is over.
  await new Promise((resolve) => setTimeout(resolve, 0));
  collect();
  t.equal(values.filter((one) => one.deref() !== undefined).length, 0);
  await gate.close();
});
