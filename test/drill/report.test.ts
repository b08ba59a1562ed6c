// What a drill found out is said in words: what failed and why, for how long, the times of each part, who moved, what was lost and done twice.
import t from 'tap';
import { inWords } from '../../src/drill/report.ts';
import type { DrillResult } from '../../src/drill/result.ts';

const phase = (name: 'before' | 'during' | 'after', failed: number, p99Ms: number) => ({
  phase: name,
  requests: 1000,
  failed,
  p50Ms: 1.25,
  p99Ms,
  p999Ms: 250.4,
  maxMs: 12_345,
});

const BAD: DrillResult = {
  target: 'http://127.0.0.1:8080',
  passed: false,
  interrupted: null,
  rate: 200,
  users: 50,
  durationMs: 15_000,
  event: {
    what: 'kill pid:7',
    fromMs: 3000,
    toMs: 7000,
    undone: '',
    trouble: 'the command of `undo` ended with 1',
    harmed: ['web-0'],
    harmedBy: 'it fell silent',
  },
  phases: [phase('before', 0, 3.91), phase('during', 7, 180.2), phase('after', 0, 2.84)],
  failures: {
    count: 7,
    unavoidable: 2,
    firstMs: 3010,
    lastMs: 4260,
    groups: [
      { method: 'GET', why: 'status 502', detail: 'no app', count: 5, firstMs: 3020, lastMs: 4260 },
      { method: 'POST', why: 'connection closed', detail: '', count: 2, firstMs: 3010, lastMs: 3010 },
    ],
  },
  instances: [
    { name: 'web-0', answers: 900 },
    { name: 'web-1', answers: 2093 },
  ],
  moved: { count: 12, moves: 13, needed: 11, needlessly: 1 },
  logins: { made: 50, count: 4, needed: 3, needlessly: 1 },
  twice: { writes: 299, count: 2, ids: ['drill-1', 'drill-2'] },
  limpetSaw: [{ atMs: 3100, upstream: 'default/web-0', from: 'up', to: 'ejected' }],
  stalledMs: 80,
  notes: ['instances are told apart by header:x-instance'],
  verdict: [
    { limit: 'maxFailed', allowed: 0, was: 5, ok: false },
    { limit: 'maxP99', allowed: 100, was: 180.2, ok: false },
    { limit: 'maxMoved', allowed: 1, was: 1, ok: true },
    { limit: 'maxLost', allowed: 0, was: 1, ok: false },
    { limit: 'maxTwice', allowed: 0, was: null, ok: false },
    { limit: 'event', allowed: 0, was: 1, ok: false },
  ],
};

t.test('everything that went wrong is said, with its times and reasons', async (t) => {
  const lines = inWords(BAD).split('\n');
  for (const line of [
    'http://127.0.0.1:8080: 200 requests a second by 50 users for 15s',
    'kill pid:7, at 3.00 s to 7.00 s; the command of `undo` ended with 1',
    '                requests    failed       p50       p99     p99.9       max',
    '  before            1000         0    1.3 ms    3.9 ms    250 ms    12.3 s',
    '  during            1000         7    1.3 ms    180 ms    250 ms    12.3 s',
    '  after             1000         0    1.3 ms    2.8 ms    250 ms    12.3 s',
    '  failed      7 for 1.25 s, at 3.01 s to 4.26 s; 2 of them writes that were in the harmed instance, which nobody may repeat',
    '              5 GET: status 502, at 3.02 s to 4.26 s, "no app"',
    '              2 POST: connection closed, at 3.01 s to 3.01 s',
    '  harmed      web-0 (it fell silent)',
    '  answered    web-0 900, web-1 2093',
    '  moved       12 users, 13 times: 11 whose instance was harmed, 1 needlessly',
    '  logins      50 made, 4 users asked to log in again: 3 whose instance was harmed, 1 needlessly',
    '  sent twice  2 of 299 writes: drill-1, drill-2',
    '  Limpet saw  default/web-0 up -> ejected, at 3.10 s',
    'The drill itself stood still for up to 80 ms: latencies up to it say nothing of the proxy.',
    'note: instances are told apart by header:x-instance',
    'FAILED',
    '  FAILED failed requests that could have been saved: 5 (at most 0)',
    '  FAILED greatest p99: 180 ms (at most 100 ms)',
    '  ok     users moved needlessly: 1 (at most 1)',
    '  FAILED logins lost: 1 (at most 0)',
    '  FAILED writes handled twice: not known (at most 0)',
    '  FAILED the event and its undoing did not go well',
  ]) {
    t.ok(lines.includes(line), line);
  }
});

t.test('what cannot be known is said to be so, and nothing else', async (t) => {
  const text = inWords({
    ...BAD,
    interrupted: 'SIGINT',
    event: { ...BAD.event!, harmed: null, harmedBy: 'nobody fell silent', fromMs: null, toMs: null },
    failures: { count: 0, unavoidable: 0, firstMs: null, lastMs: null, groups: [] },
    instances: null,
    moved: null,
    logins: null,
    twice: { writes: 3, count: null, ids: [] },
    limpetSaw: null,
    stalledMs: 3,
    notes: [],
    verdict: [],
  });
  for (const line of [
    /^kill pid:7 did not come about;/m,
    /^ {2}failed {6}none$/m,
    /^ {2}harmed {6}not known: nobody fell silent$/m,
    /^ {2}moved {7}not known, since no answer says which instance gave it/m,
    /^ {2}sent twice {2}not known of 3 writes: the app cannot tell/m,
    /^ {2}it was ended early by SIGINT$/m,
  ]) {
    t.match(text, line);
  }
  t.notMatch(text, /answered|logins|Limpet saw|stood still|note:/);
});

t.test('load alone has one part and nothing about harm', async (t) => {
  const text = inWords({
    ...BAD,
    event: null,
    phases: [phase('before', 0, 1)],
    twice: { writes: 0, count: 0, ids: [] },
  });
  t.match(text, /^ {2}all {15}1000/m);
  t.notMatch(text, /harmed {6}/);
  t.match(text, /^ {2}sent twice {2}none, since no request was a write$/m);
});
