// What the access log promises: a line for every request asked for and every failure, in order, within its bound.
import t from 'tap';
import { SeededRandom } from '../../src/base/random.ts';
import { DEFAULT_FIELDS } from '../../src/observe/access-fields.ts';
import {
  AccessLog,
  droppedLines,
  logMs,
  makeAccessAccount,
  takeBatch,
} from '../../src/observe/access-log.ts';
import type { AccessLogOptions } from '../../src/observe/access-options.ts';
import { AccessRecord } from '../../src/observe/access-record.ts';

const OPTIONS: AccessLogOptions = {
  form: 'json',
  fields: DEFAULT_FIELDS,
  carried: [],
  file: null,
  sample: 1,
  slowMs: 0,
  valueChars: 256,
  hide: [],
  user: false,
};

/** A record of `GET /cart`, with its words in one array as a head has them. */
function recordOf(changes: Partial<AccessRecord> = {}): AccessRecord {
  const record = new AccessRecord();
  record.bytes = new Uint8Array(Buffer.from('GET /cart?q=1 shop.example.com b0c1'));
  record.methodEnd = 3;
  record.pathStart = 4;
  record.pathEnd = 9;
  record.targetEnd = 13;
  record.hostStart = 14;
  record.hostEnd = 30;
  record.idStart = 31;
  record.idEnd = 35;
  Object.assign(record, {
    client: '192.0.2.1',
    protocol: 'HTTP/1.1',
    status: 200,
    route: 'shop.example.com/',
    pool: 'shop',
    upstream: 'blue',
    durationMs: 3.25,
    upstreamMs: 2.5,
    bytesOut: 512,
    attempts: 1,
    affinity: 'kept',
    end: '--',
    ...changes,
  });
  return record;
}

function setup(options: Partial<AccessLogOptions> = {}) {
  const batches: Uint8Array[] = [];
  const account = makeAccessAccount();
  const told: string[] = [];
  let wallMs = 1_700_000_000_123;
  const log = new AccessLog({
    options: { ...OPTIONS, ...options },
    random: new SeededRandom(7),
    ship: (batch) => batches.push(batch),
    account,
    tellSlow: (_report, text, untold) => told.push(`${text} ${untold}`),
    wallMs: () => wallMs,
  });
  const text = () => batches.map((batch) => Buffer.from(batch).toString()).join('');
  const pass = (ms: number) => {
    wallMs += ms;
  };
  return { log, batches, account, told, text, pass };
}

t.test('a request is one line of JSON with what is known of it and nothing else', async (t) => {
  const { log, batches, text } = setup();
  log.write(recordOf());
  log.write(
    recordOf({
      status: 502,
      upstream: null,
      end: 'SC',
      fault: 'upstream.connect.refused',
      endedBy: 'upstream',
    }),
  );
  t.same(batches, [], 'nothing is shipped before the tick');
  log.flush();
  const [first, second] = text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.same(first, {
    level: 'info',
    time: '2023-11-14T22:13:20.123Z',
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
  });
  t.match(second, { status: 502, end: 'SC', fault: 'upstream.connect.refused', endedBy: 'upstream' });
  t.notOk('upstream' in second);
  log.flush();
  t.equal(batches.length, 1, 'an empty batch is not shipped');
});

t.test('durations are told to the microsecond', async (t) => {
  t.equal(logMs(1.23456789), 1.235);
  t.equal(logMs(0), 0);
});

t.test('a long batch is shipped at once, in order, nothing twice', async (t) => {
  const { log, batches, text } = setup();
  for (let i = 0; i < 2000; i++) log.write(recordOf({ bytesOut: i }));
  t.ok(batches.length > 1);
  for (const batch of batches)
    t.ok(batch.length > 128 * 1024 && batch.length < 130 * 1024 && batch.at(-1) === 0x0a);
  log.flush();
  const seen = text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).bytesOut);
  t.same(
    seen,
    Array.from({ length: 2000 }, (_, i) => i),
  );
});

t.test(
  'sampling keeps its share, and every failure and slow request; lines say what they stand for',
  async (t) => {
    const { log } = setup({ sample: 0.1 });
    let wanted = 0;
    let stoodFor = 0;
    for (let i = 0; i < 100_000; i++) {
      const weight = log.weigh(200, false, false);
      if (weight > 0) wanted++;
      stoodFor += weight;
    }
    // Four standard deviations of a binomial with n = 100,000 and p = 0.1 are 380.
    t.ok(Math.abs(wanted - 10_000) < 380, `${wanted} of 100,000`);
    t.equal(Math.round(stoodFor), wanted * 10);
    for (let i = 0; i < 100; i++) {
      t.equal(log.weigh(503, false, false), 1);
      t.equal(log.weigh(0, true, false), 1);
      t.equal(log.weigh(200, true, false), 1);
      t.equal(log.weigh(200, false, true), 1);
    }
    const none = setup({ sample: 0 }).log;
    const all = setup({ sample: 1 }).log;
    for (let i = 0; i < 1000; i++) {
      if (none.weigh(404, false, false) !== 0) t.fail('a sample of 0 wants no ordinary request');
      if (all.weigh(404, false, false) !== 1) t.fail('a sample of 1 wants all');
    }
  },
);

t.test(
  'a flood of slow requests is told of twenty times a second, and how many more there were',
  async (t) => {
    const { log, told, pass } = setup({ slowMs: 1000 });
    t.ok(log.timesStages, 'which needs the time of each stage');
    for (let i = 0; i < 50; i++) log.tellSlow({}, 'slow');
    t.equal(told.length, 20);
    pass(1000);
    log.tellSlow({}, 'slow again');
    t.same(told.at(-1), 'slow again 30');
    t.notOk(setup().log.timesStages, 'nobody asks: nothing is timed');
    t.ok(setup({ fields: ['queueMs'] }).log.timesStages);
  },
);

t.test('a line beyond all bounds is dropped and counted, and the next is whole', async (t) => {
  const { log, text, account } = setup();
  log.write(recordOf({ client: 'x'.repeat(1_000_000) }));
  log.write(recordOf());
  log.flush();
  t.equal(droppedLines(account), 1);
  t.match(JSON.parse(text()), { client: '192.0.2.1' });
});

t.test(
  'a main thread that does not keep up costs lines, not memory, and is believed when it does again',
  async (t) => {
    const { log, batches, account } = setup();
    let written = 0;
    const record = recordOf();
    for (; droppedLines(account) === 0 && written < 200_000; written++) log.write(record);
    const underWay = batches.reduce((sum, batch) => sum + batch.length, 0);
    t.ok(underWay <= 8 * 1024 * 1024 && underWay > 7 * 1024 * 1024, `${underWay} bytes are under way`);
    let told = 0;
    const write = (lines: string | Uint8Array): void => {
      told += Buffer.from(lines).toString().split('\n').length - 1;
    };
    for (const batch of batches.splice(0)) takeBatch(batch, account, { write });
    t.equal(told + droppedLines(account), written, 'each line was either told or counted as dropped');
    const before = droppedLines(account);
    log.write(record);
    log.flush();
    t.equal(batches.length, 1);
    t.equal(droppedLines(account), before);
  },
);
