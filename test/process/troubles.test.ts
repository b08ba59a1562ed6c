// What counts as wrong, since when, and when it is told: rule by rule, with time moved by hand.
import t from 'tap';
import type { TroubleReport } from '../../src/admin/live-view.ts';
import { EventHub } from '../../src/observe/event-hub.ts';
import { StandingNews } from '../../src/process/standing-news.ts';
import { type Finding, TroubleBook } from '../../src/process/trouble-book.ts';
import {
  findTroubles,
  type HouseFacts,
  type PoolFacts,
  type UpstreamFacts,
} from '../../src/process/troubles.ts';

const upstream = (more: Partial<UpstreamFacts> = {}): UpstreamFacts => ({
  name: 'blue',
  wanted: 'ready',
  observed: 'up',
  why: '',
  sinceMs: 1000,
  eligible: true,
  serving: true,
  ...more,
});
const pool = (more: Partial<PoolFacts> = {}): PoolFacts => ({
  name: 'shop',
  waiting: 0,
  recent: 1000,
  recentErrors: 0,
  p99Ms: 20,
  usualP99Ms: () => 20,
  standIns: () => [],
  upstreams: [upstream(), upstream({ name: 'green' })],
  ...more,
});
const house = (more: Partial<HouseFacts> = {}): HouseFacts => ({
  pools: [pool()],
  sessions: [],
  revocations: null,
  certificates: [],
  acme: [],
  nowMs: 0,
  workers: { listening: 2, wanted: 2 },
  restarts: 0,
  connections: 10,
  connectionsMax: 1000,
  logDropped: 0,
  stopping: false,
  ...more,
});
const down = { observed: 'down', why: 'connect refused', eligible: false, serving: false } as const;
const idsOf = (facts: HouseFacts): string[] =>
  findTroubles(facts).map(({ id, severity }) => `${severity} ${id}`);

t.test('nothing is wrong with a house that is well', async (t) => {
  t.same(idsOf(house()), []);
});

t.test('an upstream that is out, by whatever sign, is one trouble; a pool of such is critical', async (t) => {
  for (const observed of ['down', 'ejected', 'suspected'] as const) {
    const upstreams = [upstream({ ...down, observed }), upstream({ name: 'green' })];
    t.same(idsOf(house({ pools: [pool({ upstreams })] })), ['warning upstream.out shop/blue'], observed);
  }
  const [found] = findTroubles(house({ pools: [pool({ upstreams: [upstream(down), upstream()] })] }));
  t.match(found, {
    what: 'shop/blue is down: connect refused',
    sinceMs: 1000,
    pool: 'shop',
    upstream: 'blue',
  });
  t.match(found!.advice, /^Others of its pool serve/);
  const all = [upstream(down), upstream({ ...down, name: 'green' })];
  t.match(findTroubles(house({ pools: [pool({ upstreams: all })] }))[1]!.advice, /^No other of its pool/);
  t.same(idsOf(house({ pools: [pool({ upstreams: all })] })), [
    'critical pool.down shop',
    'warning upstream.out shop/blue',
    'warning upstream.out shop/green',
  ]);
});

t.test('a pool whose users another serves is no emergency, dead or in maintenance', async (t) => {
  const standIns = () => ['v1', 'v3'];
  const [dead] = findTroubles(house({ pools: [pool({ upstreams: [upstream(down)], standIns })] }));
  t.match(dead, { id: 'pool.down shop', severity: 'warning', what: /: its users are served by v1 and v3$/ });
  const out = upstream({ ...down, wanted: 'maintenance' });
  const [told] = findTroubles(house({ pools: [pool({ upstreams: [out], standIns })] }));
  t.match(told, {
    severity: 'notice',
    what: 'Pool shop is in maintenance: its users are served by v1 and v3',
  });
  t.match(findTroubles(house({ pools: [pool({ upstreams: [out] })] }))[0], {
    what: /maintenance page or 503$/,
  });
});

t.test('what was ordered is no fault', async (t) => {
  const out = upstream({ ...down, wanted: 'maintenance' });
  t.same(idsOf(house({ pools: [pool({ upstreams: [out, upstream()] })] })), []);
  t.same(idsOf(house({ pools: [pool({ upstreams: [out] })] })), ['notice pool.maintenance shop']);
  const drained = upstream({ wanted: 'drain', eligible: false });
  t.same(idsOf(house({ pools: [pool({ upstreams: [drained, upstream()] })] })), []);
  t.same(idsOf(house({ pools: [pool({ upstreams: [drained] })] })), ['warning pool.closed shop']);
});

t.test('errors count from a share and a number on', async (t) => {
  const of = (recent: number, recentErrors: number) =>
    idsOf(house({ pools: [pool({ recent, recentErrors })] }));
  t.same(of(1000, 49), []);
  t.same(of(1000, 50), ['warning pool.errors shop']);
  t.same(of(1000, 500), ['critical pool.errors shop']);
  t.same(of(19, 19), [], 'of so few nothing is said');
});

t.test('slow is what is slow for a person and for this pool', async (t) => {
  const of = (p99Ms: number, usual: number | null, recent = 1000) =>
    idsOf(house({ pools: [pool({ p99Ms, usualP99Ms: () => usual, recent })] }));
  t.same(of(400, 90), ['warning pool.slow shop']);
  t.same(of(400, 110), []);
  t.same(of(200, 2), [], 'nobody minds');
  t.same(of(400, null), [], 'nobody knows what is usual');
  t.same(of(400, 90, 49), [], 'of so few nothing is said');
});

t.test('stores, pushes, the switch, workers, connections, the log', async (t) => {
  const store = { kind: 'redis', up: false, why: 'connect refused' };
  t.same(idsOf(house({ sessions: [{ name: 'a', store, push: { up: false, why: 'x' } }] })), [
    'critical store.away a',
  ]);
  t.same(idsOf(house({ sessions: [{ name: 'a', store: null, push: { up: false, why: 'x' } }] })), [
    'warning push.away a',
  ]);
  const revocations = { entries: 3, kept: 'redis', synced: false, why: 'timeout', waiting: 2 } as const;
  t.same(idsOf(house({ revocations })), ['warning revocations.unshared']);
  t.match(findTroubles(house({ revocations }))[0]!.what, /timeout; 2 wait to be shared/);
  t.same(idsOf(house({ workers: { listening: 1, wanted: 2 } })), ['warning workers.missing']);
  t.same(idsOf(house({ workers: { listening: 0, wanted: 2 } })), ['critical workers.missing']);
  t.same(idsOf(house({ workers: { listening: 0, wanted: 2 }, stopping: true })), ['notice process.stopping']);
  t.same(idsOf(house({ restarts: 1 })), ['warning workers.restarted']);
  t.same(idsOf(house({ connections: 900 })), ['warning connections.near']);
  t.same(idsOf(house({ connections: 1000 })), ['critical connections.near']);
  t.same(idsOf(house({ logDropped: 5 })), ['notice log.dropped']);
  t.same(idsOf(house({ pools: [pool({ waiting: 3 })] })), ['warning pool.waiting shop']);
});

t.test('a certificate is told two weeks before its end, and is critical from then on', async (t) => {
  const day = 86_400_000;
  const certificate = {
    listener: 'web',
    names: ['shop.example'],
    fingerprint: 'ab12',
    notAfterMs: 100 * day,
    renewed: false,
  };
  const of = (nowMs: number) => findTroubles(house({ certificates: [certificate], nowMs }));
  t.same(of(85 * day), []);
  t.match(of(90 * day), [{ severity: 'warning', id: 'certificate web ab12', sinceMs: 86 * day }]);
  t.match(of(90 * day)[0]!.what, /^shop\.example, listener web: this certificate ends in 10 days/);
  t.match(of(101 * day), [{ severity: 'critical', sinceMs: 100 * day }]);
  const renewed = { ...certificate, renewed: true };
  t.same(idsOf(house({ certificates: [renewed], nowMs: 90 * day })), [], 'its keeper tells of it');
});

t.test(
  'a certificate that cannot be renewed is told at once, and is critical when there is none',
  async (t) => {
    const day = 86_400_000;
    const well = {
      certificate: 'shop.example',
      names: ['shop.example'],
      notAfterMs: 100 * day,
      failingSinceMs: null,
      why: '',
    };
    const of = (more: object, nowMs = 70 * day) =>
      findTroubles(house({ acme: [{ ...well, ...more }], nowMs }));
    t.same(of({}), []);
    const failing = { failingSinceMs: 70 * day, why: 'shop.example: no address (dns)' };
    t.match(of(failing), [{ severity: 'warning', id: 'acme shop.example', sinceMs: 70 * day }]);
    t.match(of(failing)[0]!.what, /no address \(dns\); the one in force ends 1970-04-11$/);
    t.match(of({ ...failing, notAfterMs: null }), [{ severity: 'critical', what: /there is none yet$/ }]);
    t.match(of(failing, 101 * day), [{ severity: 'critical', what: /has ended: clients refuse it$/ }]);
  },
);

t.test('every trouble has an advice, and no two of one house have the same id', async (t) => {
  const all = findTroubles(
    house({
      pools: [
        pool({ waiting: 1, recentErrors: 900, p99Ms: 900, upstreams: [upstream(down), upstream(down)] }),
      ],
      sessions: [{ name: 'a', store: { kind: 'redis', up: false, why: '' }, push: null }],
      restarts: 2,
      connections: 1000,
      logDropped: 1,
      workers: { listening: 0, wanted: 1 },
    }),
  );
  for (const { advice, what } of all) {
    t.match(advice, /^[A-Z].*\.$/);
    t.match(what, /^\S.*[^.]$/);
  }
});

/** A book over a clock that is moved by hand. */
function makeBook(): { tell: (atMs: number, ...findings: Finding[]) => TroubleReport; events: EventHub } {
  let nowMs = 0;
  const events = new EventHub(() => nowMs);
  const book = new TroubleBook(() => nowMs, events);
  return {
    events,
    tell: (atMs, ...findings) => {
      nowMs = atMs;
      book.note(findings);
      return book.report();
    },
  };
}
const finding = (more: Partial<Finding> = {}): Finding => ({
  id: 'x',
  severity: 'warning',
  what: 'it is so',
  advice: 'Do it.',
  ...more,
});
const at = (ms: number): string => new Date(ms).toISOString();

t.test('a trouble is told at once, with the time that is known of it, and is gone at once', async (t) => {
  const { tell } = makeBook();
  t.match(tell(0), { ok: true, since: at(0), troubles: [] });
  t.match(tell(5000, finding({ sinceMs: 4200 })), {
    ok: false,
    since: at(4200),
    troubles: [{ id: 'x', since: at(4200), pool: null }],
  });
  t.match(
    tell(6000, finding({ sinceMs: 5500 })),
    { troubles: [{ since: at(4200) }] },
    'another sign of the same',
  );
  t.match(tell(7000), { ok: true, since: at(7000), troubles: [] });
});

t.test('what comes and goes must last before it is told, and stays a while', async (t) => {
  const { tell } = makeBook();
  const unsteady = finding({ holdMs: 3000, lingerMs: 5000 });
  t.match(tell(1000, unsteady), { ok: true, troubles: [] });
  t.match(tell(2000), { ok: true, troubles: [] }, 'and begins anew');
  tell(3000, unsteady);
  tell(4000, unsteady);
  t.match(tell(6000, unsteady), { ok: false, troubles: [{ since: at(3000) }] });
  t.match(tell(11_000), { ok: false }, 'it lingers');
  t.match(tell(11_001), { ok: true, since: at(11_001), troubles: [] });
});

t.test('the most urgent first, then the oldest; a notice alone is no trouble', async (t) => {
  const { tell } = makeBook();
  t.match(tell(0, finding({ id: 'n', severity: 'notice' })), { ok: true, troubles: [{ id: 'n' }] });
  const told = tell(
    1000,
    finding({ id: 'n', severity: 'notice' }),
    finding({ id: 'late', sinceMs: 900 }),
    finding({ id: 'early', sinceMs: 100 }),
    finding({ id: 'worst', severity: 'critical', sinceMs: 950 }),
  );
  t.same(
    told.troubles.map(({ id }) => id),
    ['worst', 'early', 'late', 'n'],
  );
  t.equal(told.since, at(100));
});

t.test('what nobody else tells is an event when it comes and when it is over', async (t) => {
  const { tell, events } = makeBook();
  tell(0, finding({ event: 'pool', pool: 'shop', severity: 'critical' }), finding({ id: 'y' }));
  tell(1000);
  t.match(events.since(0), [
    { kind: 'pool', level: 'error', text: 'it is so', fields: { trouble: 'x', pool: 'shop' } },
    { kind: 'pool', level: 'info', text: 'over: it is so' },
  ]);
});

t.test(
  'a reload that failed stands until one takes; the files of each listener for themselves',
  async (t) => {
    const events = new EventHub(() => 1000);
    const news = new StandingNews(events);
    events.publish('health', 'error', 'no standing matter');
    events.publish('reload', 'error', 'the reload failed: line 3');
    events.publish('certificate', 'warn', 'a ends soon', { listener: 'a' });
    events.publish('certificate', 'warn', 'a keeps its old ones', { listener: 'a', file: 'a.pem' });
    events.publish('certificate', 'warn', 'b keeps its old ones', { listener: 'b', file: 'b.pem' });
    t.match(news.findings(), [
      { id: 'reload.refused', severity: 'warning', what: 'the reload failed: line 3', sinceMs: 1000 },
      { id: 'certificate.refused a', what: 'a keeps its old ones' },
      { id: 'certificate.refused b', severity: 'warning' },
    ]);
    events.publish('reload', 'info', 'config 2 is in force');
    events.publish('certificate', 'info', 'b has new ones', { listener: 'b' });
    t.same(
      news.findings().map(({ id }) => id),
      ['certificate.refused a'],
    );
    news.close();
    events.publish('reload', 'error', 'nobody listens');
    t.equal(news.findings().length, 1);
  },
);
