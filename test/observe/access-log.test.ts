// What the access log promises: a line for every request asked for and every failure, in order, within its bound.
import { pino } from 'pino';
import t from 'tap';
import { SeededRandom } from '../../src/base/random.ts';
import {
  type AccessEntry,
  AccessLog,
  droppedLines,
  logMs,
  makeAccessAccount,
  takeBatch,
} from '../../src/observe/access-log.ts';

import { makeTimestamp } from '../../src/observe/logger.ts';

const ENTRY: AccessEntry = {
  requestId: 'b0c1',
  client: '192.0.2.1',
  method: 'GET',
  host: 'shop.example.com',
  path: '/cart',
  status: 200,
  route: 'shop.example.com/',
  pool: 'shop',
  upstream: 'blue',
  durationMs: 3.25,
  upstreamMs: 2.5,
  bytesIn: 0,
  bytesOut: 512,
  attempts: 1,
  affinity: 'kept',
  end: '--',
  fault: undefined,
  endedBy: undefined,
};

function setup(sample = 1) {
  const batches: string[] = [];
  const account = makeAccessAccount();
  const log = new AccessLog({
    sample,
    random: new SeededRandom(7),
    ship: (batch) => batches.push(batch),
    account,
    wallMs: () => 1_700_000_000_123,
  });
  return { log, batches, account };
}

t.test('a request is one line of JSON with what is known of it and nothing else', async (t) => {
  const { log, batches } = setup();
  log.write(ENTRY);
  log.write({
    ...ENTRY,
    status: 502,
    upstream: undefined,
    fault: 'upstream.connect.refused',
    endedBy: 'upstream',
  });
  t.same(batches, [], 'nothing is shipped before the tick');
  log.flush();
  const [first, second] = batches
    .join('')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { fault: _, endedBy: __, ...known } = ENTRY;
  t.same(first, { level: 'info', time: '2023-11-14T22:13:20.123Z', ...known });
  t.match(second, { status: 502, fault: 'upstream.connect.refused', endedBy: 'upstream' });
  t.notOk('upstream' in second);
  log.flush();
  t.equal(batches.length, 1, 'an empty batch is not shipped');
});

t.test('a line is byte for byte what pino itself would write', async (t) => {
  const odd: AccessEntry = {
    ...ENTRY,
    host: undefined,
    path: '/"\\\u0001é',
    durationMs: Number.NaN,
    fault: 'x',
    endedBy: 'client',
  };
  for (const entry of [ENTRY, odd]) {
    const { log, batches } = setup();
    log.write(entry);
    log.flush();
    let line = '';
    const own = pino(
      {
        base: null,
        formatters: { level: (label) => ({ level: label }) },
        timestamp: makeTimestamp(() => 1_700_000_000_123),
      },
      { write: (text: string) => (line = text) },
    );
    own.info(entry);
    t.equal(batches.join(''), line);
  }
});

t.test('durations are told to the microsecond', async (t) => {
  t.equal(logMs(1.23456789), 1.235);
  t.equal(logMs(0), 0);
});

t.test('a client’s bytes can’t break a line or forge a field', async (t) => {
  const { log, batches } = setup();
  const path = '/a"},"status":200}\n{"level":"info"\u2028\u0000';
  log.write({ ...ENTRY, path, status: 404 });
  log.flush();
  t.equal(batches.join('').split('\n').length, 2);
  t.match(JSON.parse(batches.join('')), { path, status: 404 });
});

t.test('a long batch is shipped at once, in order, nothing twice', async (t) => {
  const { log, batches } = setup();
  for (let i = 0; i < 2000; i++) log.write({ ...ENTRY, bytesOut: i });
  t.ok(batches.length > 1);
  for (const batch of batches)
    t.ok(batch.length > 128 * 1024 && batch.length < 130 * 1024 && batch.endsWith('\n'));
  log.flush();
  const seen = batches
    .join('')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).bytesOut);
  t.same(
    seen,
    Array.from({ length: 2000 }, (_, i) => i),
  );
});

t.test('sampling keeps its share, and every failure', async (t) => {
  const { log } = setup(0.1);
  let wanted = 0;
  for (let i = 0; i < 100_000; i++) if (log.wants(200, false)) wanted++;
  // Four standard deviations of a binomial with n = 100,000 and p = 0.1 are 380.
  t.ok(Math.abs(wanted - 10_000) < 380, `${wanted} of 100,000`);
  for (let i = 0; i < 100; i++) t.ok(log.wants(503, false) && log.wants(0, true) && log.wants(200, true));
  const none = setup(0).log;
  const all = setup(1).log;
  for (let i = 0; i < 1000; i++) {
    if (none.wants(404, false)) t.fail('a sample of 0 wants no ordinary request');
    if (!all.wants(404, false)) t.fail('a sample of 1 wants all');
  }
});

t.test(
  'a main thread that does not keep up costs lines, not memory, and is believed when it does again',
  async (t) => {
    const { log, batches, account } = setup();
    let written = 0;
    for (; droppedLines(account) === 0 && written < 200_000; written++) log.write(ENTRY);
    const underWay = batches.reduce((sum, batch) => sum + batch.length, 0);
    t.ok(underWay <= 8 * 1024 * 1024 && underWay > 7 * 1024 * 1024, `${underWay} characters are under way`);
    let out = '';
    for (const batch of batches.splice(0)) takeBatch(batch, account, { write: (lines) => (out += lines) });
    const told = out.split('\n').length - 1;
    t.equal(told + droppedLines(account), written, 'each line was either told or counted as dropped');
    const before = droppedLines(account);
    log.write(ENTRY);
    log.flush();
    t.equal(batches.length, 1);
    t.equal(droppedLines(account), before);
  },
);
