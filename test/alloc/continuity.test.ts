// Following a session to the instance that answers it allocates nothing per request.
import t from 'tap';
import { LearnedTable } from '../../src/affinity/learned.ts';
import { latin1Bytes } from '../../src/base/byte-writer.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { markAt, placeOf, SessionTrails, TRAIL } from '../../src/pool/session-trails.ts';
import { ContinuityWatch } from '../../src/proxy/continuity.ts';
import { INSTANCE } from '../../src/proxy/plane-metrics.ts';
import { SessionMemo } from '../../src/proxy/session-memo.ts';
import { WatchedSession } from '../../src/proxy/watched-session.ts';
import type { Standing } from '../../src/session/standing.ts';
import { VERDICT_NAMES } from '../../src/session/verdict.ts';
import type { Upstream } from '../../src/upstream/upstream.ts';
import { RequestHead } from '../../src/wire/request-head.ts';
import { METHOD } from '../../src/wire/request-method.ts';
import { ResponseHead } from '../../src/wire/response-head.ts';
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

t.test(
  'an answer that changes nothing costs no allocation, with the session remembered by the connection or read anew',
  async (t) => {
    const counted = [0, 0, 0];
    const plane = {
      deadlines: { nowMs: 5000 },
      clock: { wallMs: () => 0, nowMs: () => 5000 },
      metrics: {
        sessionSeen: () => {},
        instance: (_pool: Pool, result: number) => {
          counted[result]!++;
        },
        sessionReset: () => t.fail('nothing is lost'),
      },
    };
    // All that the watch asks of the pool and the upstreams.
    const pool = { spec: { trails }, upstreams: [] } as unknown as Pool;
    const upstreams = [0, 1].map((position) => ({ spec: { position }, name: 'a' }) as unknown as Upstream);
    const limits = { requestLineBytes: 8192, headBytes: 32_768, fields: 100, strictTarget: false };
    const request = new RequestHead(limits);
    const sid = `s%3A${'d'.repeat(32)}.${'e'.repeat(43)}`;
    const asked = latin1Bytes(`GET /x HTTP/1.1\r\nHost: x\r\nCookie: theme=dark; sid=${sid}\r\n\r\n`);
    request.parse(asked, 0, asked.length);
    const answer = new ResponseHead({ responseHeadBytes: 8192, fields: 100 });
    const head = (text: string): void => {
      const bytes = latin1Bytes(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${text}\r\n`);
      answer.parse(bytes, 0, bytes.length, false);
    };
    const to = {
      plan: null,
      method: METHOD.GET,
      requestHead: null,
      mark: {
        idStart: 0,
        idEnd: 0,
        targetEnd: 0,
        hostStart: 0,
        hostEnd: 0,
        traceStart: 0,
        upgradeStart: 0,
        upgradeEnd: 0,
      },
      session: { standing: null, memo: null },
      homing: { withholds: false, placeBefore: () => 0 },
    };
    const watch = new ContinuityWatch(plane);
    const watched = new WatchedSession();
    const sidBytes = latin1Bytes(sid);
    trails.keyOf(sidBytes, 0, sidBytes.length);
    const keyOfSid = [trails.table.keyHi, trails.table.keyLo] as const;
    // The app gives the session out.
    head(`Set-Cookie: sid=${sid}; Path=/\r\n`);
    watched.read(pool, request.fields, null);
    watch.answered(watched, upstreams[0]!, answer, to);
    head('Content-Type: text/plain\r\n');
    for (const memo of [new SessionMemo(), null]) {
      const remembered = { ...to, session: { standing: null, memo } };
      const bytes = bytesPerCall((i) => {
        watched.read(pool, request.fields, memo);
        watch.answered(watched, upstreams[(i >> 3) & 1]!, answer, remembered);
        watched.reset();
      });
      t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
    }
    t.ok(counted[INSTANCE.kept]! > 6 * counted[INSTANCE.changed]!);
    t.ok(counted[INSTANCE.changed]! > 10_000, 'and changes are seen');
    t.equal(counted[INSTANCE.first], 0);
    // Somebody is let in by a token of another field: he has no session of this cookie, and none is followed in its place.
    const before = [...counted];
    const bare = latin1Bytes('GET /x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n');
    request.parse(bare, 0, bare.length);
    const known = trails.table.recall(...keyOfSid, 5);
    // Because: of a standing the watch reads these two alone.
    const standing = { verdict: VERDICT_NAMES.indexOf('valid'), verifier: { cookie: 'sid' } } as Standing;
    for (const memo of [new SessionMemo(), null]) {
      watched.read(pool, request.fields, memo);
      watch.answered(watched, upstreams[1]!, answer, { ...to, session: { standing, memo } });
      watched.reset();
    }
    t.same(counted, before);
    t.equal(trails.table.recall(...keyOfSid, 5), known);
    // Two pools take turns on one connection: what is remembered of the session in one says nothing of it in the other.
    const other = new SessionTrails(options, LearnedTable.allocate(1000, 60_000), false);
    const pools = [pool, { spec: { trails: other }, upstreams: [] } as unknown as Pool];
    const memo = new SessionMemo();
    request.parse(asked, 0, asked.length);
    const turn = (i: number): void => {
      watched.read(pools[i]!, request.fields, memo);
      watch.answered(watched, upstreams[i]!, answer, { ...to, session: { standing, memo } });
      watched.reset();
    };
    turn(0);
    turn(1);
    const [kept, changed, first] = [INSTANCE.kept, INSTANCE.changed, INSTANCE.first].map((i) => counted[i]!);
    t.equal(first, 1, 'nobody was seen in the other one before');
    for (let i = 0; i < 6; i++) turn(i & 1);
    other.keyOf(sidBytes, 0, sidBytes.length);
    const { keyHi, keyLo } = other.table;
    t.equal(placeOf(other.table.recall(keyHi, keyLo, 5)), 2, 'and it is known by the key of that table');
    t.same(
      [counted[INSTANCE.kept], counted[INSTANCE.changed], counted[INSTANCE.first]],
      [kept! + 6, changed, 1],
    );
    // A pool that nobody watches takes its turn as well: the verdict counts all the same in the one that is.
    const third = new SessionTrails(options, LearnedTable.allocate(1000, 60_000), false);
    for (const trails of [null, third]) {
      watched.read({ spec: { trails }, upstreams: [] } as unknown as Pool, request.fields, null);
      watched.judged(standing);
      watch.answered(watched, upstreams[0]!, answer, { ...to, session: { standing, memo: null } });
      watched.reset();
    }
    third.keyOf(sidBytes, 0, sidBytes.length);
    t.equal(
      third.table.recall(third.table.keyHi, third.table.keyLo, 5),
      markAt(1, TRAIL.shown | TRAIL.login),
    );
  },
);
