// Rows stay with whom they were given to over reloads, and are another's only when no generation has them any more.
import t from 'tap';
import type { Config } from '../../src/config/config.ts';
import { loadConfigText } from '../../src/config/load.ts';
import { capacityFor, SlotBook } from '../../src/plan/slot-book.ts';
import type { Rows } from '../../src/plan/slots.ts';

function configOf(
  pools: Readonly<Record<string, readonly (string | object)[]>>,
  routes?: readonly object[],
): Config {
  const text = JSON.stringify({
    listen: 8080,
    pools: Object.fromEntries(Object.entries(pools).map(([name, upstreams]) => [name, { upstreams }])),
    routes: routes ?? Object.keys(pools).map((pool) => ({ path: `/${pool}`, pool })),
  });
  const { config, problems } = loadConfigText(text, 'limpet.yaml', {}, () => '');
  if (config === null) throw new Error(JSON.stringify(problems));
  return config;
}

const A = 'http://127.0.0.1:1';
const B = 'http://127.0.0.1:2';
const C = 'http://127.0.0.1:3';

function taken(book: SlotBook, generation: number, config: Config): Rows {
  const rows = book.take(generation, config);
  if (typeof rows === 'string') throw new Error(rows);
  return rows;
}

t.test('an upstream keeps its row, wherever it stands in the next config', async (t) => {
  const book = new SlotBook(10);
  t.same(taken(book, 1, configOf({ shop: [A, B] })).upstreams, [[0, 1]]);
  t.same(taken(book, 2, configOf({ shop: [C, B, A] })).upstreams, [[2, 1, 0]]);
  t.same(taken(book, 3, configOf({ other: [C], shop: [A] })), {
    upstreams: [[3], [0]],
    pools: [1, 0],
    routes: [1, 0],
  });
});

t.test('the same name at another address is another instance', async (t) => {
  const book = new SlotBook(10);
  const first = taken(book, 1, configOf({ shop: [{ url: A, name: 'blue' }] }));
  const second = taken(book, 2, configOf({ shop: [{ url: B, name: 'blue' }] }));
  t.not(second.upstreams[0]![0], first.upstreams[0]![0]);
});

t.test('a row is free when the last generation that had it is over, and not before', async (t) => {
  const book = new SlotBook(3);
  taken(book, 1, configOf({ shop: [A, B] }));
  taken(book, 2, configOf({ shop: [B] }));
  taken(book, 3, configOf({ shop: [B, C] }));
  t.same(book.release(2), { upstreams: [], pools: [] }, 'the second had nothing of its own');
  t.match(book.take(4, configOf({ shop: [B, 'http://127.0.0.1:4'] })), /no room for 1 of the upstreams/);
  t.same(book.release(1), { upstreams: [0], pools: [] }, 'the first had one');
  const rows = taken(book, 4, configOf({ shop: [B, 'http://127.0.0.1:4'] }));
  t.same(rows.upstreams, [[1, 0]], 'which is given to who comes next');
});

t.test('what is refused holds nothing', async (t) => {
  const book = new SlotBook(2);
  taken(book, 1, configOf({ shop: [A] }));
  t.match(book.take(2, configOf({ shop: [A, B, C] })), /no room for 1/);
  t.same(taken(book, 3, configOf({ shop: [A, B] })).upstreams, [[0, 1]]);
});

t.test('a pool that is gone gives its number back, and a route of the same name goes on', async (t) => {
  const book = new SlotBook(10);
  const one = taken(book, 1, configOf({ shop: [A], blog: [B] }));
  const two = taken(book, 2, configOf({ shop: [A], wiki: [C] }));
  t.same(
    [one.pools, two.pools],
    [
      [0, 1],
      [0, 2],
    ],
  );
  t.equal(two.routes[0], one.routes[0]);
  t.same(book.release(1), { upstreams: [1], pools: [1] });
  t.same(taken(book, 3, configOf({ shop: [A], news: [B] })).pools, [0, 1]);
});

t.test('a route that leads to another pool is counted anew', async (t) => {
  const book = new SlotBook(10);
  const pools = { shop: [A], blog: [B] };
  const one = taken(book, 1, configOf(pools, [{ path: '/', pool: 'shop' }]));
  const two = taken(book, 2, configOf(pools, [{ path: '/', pool: 'blog' }]));
  t.not(two.routes[0], one.routes[0]);
});

t.test('a table has room for twice what it started with, and more', async (t) => {
  t.equal(capacityFor(3), 1030);
});
