// A connection that shows the same session again: found without allocation, and never taken for another.
import t from 'tap';
import { latin1Bytes } from '../../src/base/byte-writer.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { systemTimers } from '../../src/base/timers.ts';
import { MetricBook } from '../../src/observe/metric-book.ts';
import { Door, type DoorOwner, OPEN } from '../../src/proxy/door.ts';
import { DoorKeeper } from '../../src/proxy/door-keeper.ts';
import { SessionMemo } from '../../src/proxy/session-memo.ts';
import type { SessionFormat } from '../../src/session/format.ts';
import { SessionGuard } from '../../src/session/guard.ts';
import { NO_REVOCATIONS } from '../../src/session/revocations.ts';
import type { VerdictWaiter } from '../../src/session/standing.ts';
import { genuine } from '../../src/session/verdict.ts';
import { SessionVerifier } from '../../src/session/verifier.ts';
import { RequestHead } from '../../src/wire/request-head.ts';
import { bytesPerCall, NOISE_BYTES } from './bytes-per-call.ts';

const head = new RequestHead({ requestLineBytes: 8192, headBytes: 32_768, fields: 100, strictTarget: false });
/** Parses a request with these field lines; its fields are good until the next. */
function fieldsOf(lines: string) {
  const bytes = latin1Bytes(`GET /x HTTP/1.1\r\nHost: x\r\n${lines}\r\n`);
  head.parse(bytes, 0, bytes.length);
  return head.fields;
}

const format: SessionFormat = {
  prepare: null,
  steps: [],
  read: ({ cookies }) => ({ identity: cookies, check: () => genuine('u', {}) }),
};
const verifier = new SessionVerifier({
  options: {
    name: 'members',
    verify: 'cookie-session',
    format: {},
    cookie: 'sid',
    secrets: [],
    user: ['id'],
    store: null,
    rows: null,
    require: 'login',
    exempt: [],
    onFail: { kind: 'auto' },
    ambiguous: 'forward',
    cache: { ttlMs: 1000, entries: 10, push: false },
    outage: { graceMs: 0, unjudged: 'forward', readyz: false },
    pass: { user: 'Limpet-User', fields: [] },
  },
  format,
  store: null,
  timers: systemTimers,
  nowMs: () => 0,
  wallMs: () => 0,
  onChecked: () => {},
  onBug: () => {},
});
const guard = new SessionGuard([verifier]);
const nobody: VerdictWaiter = { waitsFor: null, onVerdict: () => {} };
const standing = guard.check(
  { cookies: 'sid=one', authorization: null, userAgent: null, clientAddress: '192.0.2.1' },
  nobody,
)!;
const COOKIE = `Cookie: theme=dark; sid=${'x'.repeat(80)}\r\n`;
const BOTH = `${COOKIE}Authorization: Bearer abc\r\n`;

t.test('the same credentials are found again without allocation', async (t) => {
  const memo = new SessionMemo();
  memo.keep(guard, fieldsOf(BOTH), standing);
  const fields = fieldsOf(BOTH);
  let missed = 0;
  const bytes = bytesPerCall(() => {
    if (memo.find(guard, fields, 1) !== standing) missed++;
  });
  t.equal(missed, 0);
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});

t.test('any other credential, guard or time is not', async (t) => {
  const memo = new SessionMemo();
  memo.keep(guard, fieldsOf(BOTH), standing);
  const found = (lines: string, by = guard, nowMs = 1): boolean =>
    memo.find(by, fieldsOf(lines), nowMs) !== null;
  t.ok(found(BOTH));
  t.ok(found(`Accept: */*\r\n${BOTH}X-Other: 1\r\n`), 'other fields do not matter');
  t.notOk(found(COOKIE));
  t.notOk(found('Authorization: Bearer abc\r\n'));
  t.notOk(found(BOTH.replace('abc', 'abd')));
  t.notOk(found(BOTH.replace('dark', 'lite')));
  t.notOk(found(BOTH.replace('xx\r\n', 'xxx\r\n')));
  // What one field gains the other may not lose.
  t.notOk(found(`${COOKIE.replace('\r\n', 'B')}\r\nAuthorization: earer abc\r\n`));
  t.notOk(found(`${BOTH}Cookie: sid=other\r\n`), 'several lines are read anew each time');
  t.notOk(found(BOTH, new SessionGuard([verifier])));
  t.notOk(found(BOTH, guard, 1000), 'its time is over');
  memo.keep(guard, fieldsOf(`${COOKIE}Cookie: b=2\r\n`), standing);
  t.notOk(found(BOTH), 'what cannot be remembered forgets what was');
  memo.keep(guard, fieldsOf(`Cookie: sid=${'x'.repeat(9000)}\r\n`), standing);
  t.notOk(found(`Cookie: sid=${'x'.repeat(9000)}\r\n`), 'nor is what is too long');
});

t.test('doors that open and shut, and a look at all of them, allocate nothing', async (t) => {
  let nowMs = 0;
  const keeper = new DoorKeeper({
    revocations: NO_REVOCATIONS,
    book: new MetricBook({ buffer: new SharedArrayBuffer(8000), capacity: 1000, edition: 1 }, () => {}),
    random: new SeededRandom(1),
    nowMs: () => nowMs,
    soon: () => {},
  });
  let asked = 0;
  const owner: DoorOwner = {
    session: { standing, seen: 0, exempt: false },
    openAs: () => OPEN.tunnel,
    checkAgain: () => {
      asked++;
      return standing;
    },
    compared: () => null,
    onSessionOver: () => {},
  };
  const doors = Array.from({ length: 8 }, () => new Door(keeper, owner));
  const bytes = bytesPerCall((i) => {
    const door = doors[i % doors.length]!;
    if (door.isOpen) door.leave();
    else door.open();
    nowMs = i % 900;
    keeper.tick();
  });
  t.equal(asked, 0, 'the verdict stands');
  t.ok(bytes < NOISE_BYTES, `${bytes} bytes`);
});
