// Finding a user's home allocates nothing per request.
import t from 'tap';
import { writePrivateCacheControl } from '../../src/affinity/cache-control.ts';
import { CookieAffinity } from '../../src/affinity/cookie-affinity.ts';
import { LearnedTable } from '../../src/affinity/learned.ts';
import type { CookieOptions } from '../../src/affinity/options.ts';
import { OverloadRule } from '../../src/affinity/overload.ts';
import { PrefixAffinity } from '../../src/affinity/prefix-affinity.ts';
import { SessionHomes } from '../../src/affinity/session-homes.ts';
import { noteUser } from '../../src/affinity/users.ts';
import { ByteWriter, latin1Bytes } from '../../src/base/byte-writer.ts';
import { RandomBytes } from '../../src/base/random.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { SessionHoming } from '../../src/proxy/session-homing.ts';
import type { Standing } from '../../src/session/standing.ts';
import { UpstreamTable } from '../../src/upstream/upstream-table.ts';
import { bytesPerCall, NOISE_BYTES } from './bytes-per-call.ts';

const OPTIONS: CookieOptions = {
  name: 'limpet',
  secrets: ['new', 'old'],
  maxAgeS: 3600,
  path: '/',
  domain: null,
  sameSite: 'lax',
  secure: 'auto',
  httpOnly: true,
  partitioned: false,
  mode: 'insert',
  of: 'sid',
  hide: true,
};
const NAMES = ['a', 'b', 'c'];

t.test('the cookie is read, noted and written without allocation', async (t) => {
  const affinity = new CookieAffinity(OPTIONS, 'shop', NAMES, 1_700_000_000_000);
  const { userRegisters } = new UpstreamTable(UpstreamTable.allocate(3, 1));
  const random = new RandomBytes();
  const out = new ByteWriter();
  const values = NAMES.map((_, position) => {
    affinity.draw(random);
    out.reset();
    affinity.write(out, position, affinity.nonceHi, affinity.nonceLo, true);
    const line = Buffer.from(out.view()).toString('latin1');
    return latin1Bytes(line.slice(line.indexOf('=') + 1, line.indexOf(';')));
  });
  let wrong = 0;
  const bytes = bytesPerCall((i) => {
    const value = values[i % 3]!;
    const home = affinity.read(value, 0, value.length);
    if (home !== i % 3) wrong++;
    noteUser(userRegisters, home, 0, affinity.nonceHi, affinity.nonceLo, affinity.userSeed);
    out.reset();
    affinity.write(out, home, affinity.nonceHi, affinity.nonceLo, false);
  });
  t.equal(wrong, 0);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('a new nonce costs only its share of the random bytes that are drawn in bulk', async (t) => {
  const affinity = new CookieAffinity(OPTIONS, 'shop', NAMES, 1_700_000_000_000);
  const random = new RandomBytes();
  const bytes = bytesPerCall(() => affinity.draw(random));
  t.ok(bytes < 8, `${bytes} bytes`);
});

t.test("the app's cookie is read and marked without allocation", async (t) => {
  const affinity = new PrefixAffinity(OPTIONS, 'shop', NAMES, 1_700_000_000_000);
  const out = new ByteWriter();
  const field = latin1Bytes('sid=abcdef0123456789; Path=/');
  affinity.rewrite(out, field, 0, field.length, 1);
  const line = out.bytes.slice(0, out.length);
  let wrong = 0;
  const bytes = bytesPerCall(() => {
    if (affinity.read(line, 16, line.length - 10) !== 1) wrong++;
    out.reset();
    affinity.rewrite(out, field, 0, field.length, 2);
  });
  t.equal(wrong, 0);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('learned homes are found and learned without allocation', async (t) => {
  const table = new LearnedTable(LearnedTable.allocate(1000, 60_000));
  const values = Array.from({ length: 500 }, (_, i) => latin1Bytes(`session-${i}`));
  const bytes = bytesPerCall((i) => {
    const value = values[i % 500]!;
    table.learn(value, 0, value.length, 1 + (i % 3), i >> 8);
    table.find(value, 0, value.length, i >> 8);
  });
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('homes of sessions are found and settled without allocation', async (t) => {
  const options = { by: 'session', learn: true, entries: 1000, idleMs: 60_000 } as const;
  const homes = new SessionHomes(options, LearnedTable.allocate(1000, 60_000));
  const bytes = bytesPerCall((i) => {
    const key = Math.imul(i % 500, 0x9e3779b1);
    homes.settle(key, ~key, 1 + (i % 3), i >> 8);
    homes.find(key, ~key, i >> 8);
  });
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('the home of a request is found by its standing without allocation', async (t) => {
  const options = { by: 'user', learn: true, entries: 1000, idleMs: 60_000 } as const;
  const homes = new SessionHomes(options, LearnedTable.allocate(1000, 60_000));
  const keys = { sessionHi: 0x7fffffff, sessionLo: -1, userHi: -0x7fffffff, userLo: 77 };
  homes.settle(keys.userHi, keys.userLo, 1, 0);
  const [home] = [{ name: 'one' }];
  // Because: of a standing and a pool it reads nothing else.
  const standing = { verdict: 0, home: keys } as unknown as Standing;
  const pool = { positionOf: () => 0, upstreams: [home] } as unknown as Pool;
  const homing = new SessionHoming();
  let wrong = 0;
  const bytes = bytesPerCall((i) => {
    homing.begin(homes, null);
    if (homing.find(standing, pool, i >> 10) !== (home as unknown)) wrong++;
  });
  t.equal(wrong, 0);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('the overload rule and the cache rule allocate nothing', async (t) => {
  const rule = new OverloadRule(1.5);
  rule.measure(
    [
      { slot: 0, weight: 1 },
      { slot: 1, weight: 1 },
    ],
    [0, 0],
  );
  const out = new ByteWriter();
  const field = latin1Bytes('public, max-age=60, x="a,b"');
  const bytes = bytesPerCall((i) => {
    rule.assigned(rule.overloaded(i & 1) ? 1 - (i & 1) : i & 1);
    out.reset();
    writePrivateCacheControl(out, field, 0, field.length);
  });
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});
