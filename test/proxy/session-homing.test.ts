// What a request leaves behind for the next one of its exchange holds nothing of the config that it went by.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { SessionHoming } from '../../src/proxy/session-homing.ts';
import type { SessionGuard } from '../../src/session/guard.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void; // Node's own, there by the flag

function guardOf(homing: SessionHoming): WeakRef<SessionGuard> {
  // Because: whose guard it is does not matter, only whether it is held.
  const guard = { verifiers: [] } as unknown as SessionGuard;
  homing.begin(null, guard);
  return new WeakRef(guard);
}

async function isHeld(guard: WeakRef<SessionGuard>): Promise<boolean> {
  // A reference that was just made is kept until the turn is over.
  await new Promise((resolve) => setTimeout(resolve, 0));
  collect();
  return guard.deref() !== undefined;
}

t.test('the session block of a request is let go with it', async (t) => {
  const homing = new SessionHoming();
  const guard = guardOf(homing);
  t.equal(await isHeld(guard), true, 'while it is under way it is held');
  homing.reset();
  t.equal(await isHeld(guard), false);
});
