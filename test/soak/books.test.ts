// The soak's judgement by itself: books that differ and processes that hold more are told, and noise is not.
import t from 'tap';
import { Books, disagreements, type ProxyBooks, readProxyBooks, sumsThatFail } from './books.ts';
import { BOUNDS, leaksBetween, type Rest } from './rest.ts';

const TEXT = `# HELP limpet_requests_accepted_total Requests
limpet_requests_accepted_total 10
limpet_requests_ended_total{outcome="answered"} 6
limpet_requests_ended_total{outcome="refused"} 2
limpet_requests_ended_total{outcome="aborted"} 1
limpet_requests_ended_total{outcome="cut"} 1
limpet_requests_total{route="/a",pool="p",upstream="one",code="200"} 5
limpet_requests_total{route="/a",pool="p",upstream="two",code="200"} 2
limpet_requests_total{route="",pool="",upstream="",code="404"} 2
limpet_requests_total{route="/a",pool="p",upstream="one",code="0"} 1
limpet_connections{listener="main"} 0
limpet_upstream_inflight{pool="p",upstream="one"} 0
limpet_upstream_up{pool="p",upstream="one"} 1
limpet_upstream_up{pool="p",upstream="two"} 0
limpet_pool_waiting{pool="p"} 0
limpet_session_store_up{session="users"} 2
`;
const zero = readProxyBooks('');

t.test('the counters are read out of the text of /metrics', (t) => {
  const read = readProxyBooks(TEXT);
  t.same(read.ended, { answered: 6, refused: 2, aborted: 1, cut: 1 });
  t.same(
    [...read.byStatus],
    [
      [200, 7],
      [404, 2],
      [0, 1],
    ],
  );
  t.equal(read.accepted, 10);
  t.equal(read.upstreamsDown, 1);
  t.equal(read.storesUp, 2);
  t.end();
});

t.test('at rest each count that is off is told', (t) => {
  const good = readProxyBooks(TEXT);
  t.same(sumsThatFail(good), []);
  const off: readonly (readonly [Partial<ProxyBooks>, RegExp])[] = [
    [{ accepted: 11 }, /11 requests accepted, 10 ended/],
    [{ byStatus: new Map([[200, 9]]) }, /10 requests ended, 9 by status/],
    [{ connections: 1 }, /1 connections are open/],
    [{ inFlight: -1 }, /-1 requests are at upstreams/],
    [{ waiting: 2 }, /2 requests wait in line/],
  ];
  for (const [what, told] of off) t.match(sumsThatFail({ ...good, ...what }), [told]);
  t.end();
});

t.test('the two books agree as far as the load saw', (t) => {
  const proxy = readProxyBooks(TEXT);
  const load = new Books();
  for (let i = 0; i < 6; i++) load.answered('get', 200);
  for (let i = 0; i < 2; i++) load.answered('get', 404);
  t.match(disagreements(load, zero, proxy), [
    /^2 requests were told of beyond/,
    /2 broken answers, the load of 0/,
  ]);
  load.broken = 2;
  t.same(disagreements(load, zero, proxy), [], 'an answer that was given up may have been sent');
  load.answered('get', 404);
  t.match(disagreements(load, zero, proxy), [/^status 404: the load got 3 answers, Limpet sent 2/]);
  t.same(disagreements(new Books(), proxy, proxy), [], 'only what is between the two readings counts');
  t.end();
});

const held = (more: Partial<Rest> = {}, heap = 20_000_000, timers = 1): Rest => ({
  resident: 100_000_000,
  descriptors: { socket: 5, file: 2 },
  sockets: { listen: 3 },
  threads: [
    { reading: 1, thread: 1, heap, external: 1_000_000, resources: { Timeout: timers }, connections: [] },
  ],
  ...more,
});

t.test('what is held beyond noise is a leak, and one descriptor or timer is', (t) => {
  t.same(
    leaksBetween(held(), held({ resident: 100_000_000 + BOUNDS.resident }, 20_000_000 + BOUNDS.heap)),
    [],
  );
  t.same(leaksBetween(held(), held({ descriptors: { socket: 4 } })), [], 'less is none');
  t.match(leaksBetween(held(), held({ descriptors: { socket: 6, file: 2 } })), [
    /^descriptors, socket: 5 .* 6/,
  ]);
  t.match(leaksBetween(held(), held({ sockets: { listen: 3, 'close-wait': 1 } })), [
    /^sockets, close-wait: 0 .* 1/,
  ]);
  t.match(leaksBetween(held(), held({ resident: 100_000_001 + BOUNDS.resident })), [/^resident memory/]);
  t.match(leaksBetween(held(), held({}, 20_000_001 + BOUNDS.heap)), [/^worker 1, heap/]);
  t.match(leaksBetween(held(), held({}, 20_000_000, 2)), [/^worker 1, Timeout: 1 .* 2/]);
  t.end();
});
