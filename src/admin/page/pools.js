// @ts-check
// Every pool with its upstreams: how each is and why, what goes through it, who lives there, and what can be done to it.
import { placeOf } from './banner.js';
import { askForWeight, askForWish, WISHES } from './changes.js';
import { Series, sparkline } from './charts.js';
import { focusNear } from './dialog.js';
import { byId, el, field, KeyedList, setAttribute, setText } from './dom.js';
import { ago, clock, count, duration, percent, plural } from './format.js';
import { setIcon } from './icons.js';

/** @typedef {import('../live-view.ts').LivePool} LivePool */
/** @typedef {import('../live-view.ts').LiveUpstream} LiveUpstream */
/** @typedef {import('../live-view.ts').LiveHistory} LiveHistory */
/** @typedef {LiveUpstream['wanted']} Wanted */

const HEADS = ['Upstream', 'State', 'Requests', 'Errors', 'Latency', 'In flight', 'Users', 'Weight'];

/** @type {Map<string, Series>} ten minutes of every upstream, by its place */
const kept = new Map();
/** May whoever looks change anything? Why not, if not. */
let refusal = '';
/** What is looked for. */
let sought = '';
let newest = /** @type {readonly LivePool[]} */ ([]);

const list = new KeyedList(byId('pool-list'), makePool);
const find = field('find');
find.addEventListener('input', () => {
  sought = find.value.trim().toLowerCase();
  draw();
});
document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLElement && event.target.matches('input, select, textarea');
  if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  find.focus();
});

/**
 * @param {string} pool
 * @param {string} name
 */
function seriesOf(pool, name) {
  const key = placeOf({ pool, upstream: name });
  let series = kept.get(key);
  if (series === undefined) {
    series = new Series();
    kept.set(key, series);
  }
  return series;
}

/**
 * The state in one word, its sign, and whether it is the operator's wish.
 * @param {LiveUpstream} upstream
 * @returns {{ tone: import('./icons.js').Tone, word: string }}
 */
function stateOf({ wanted, observed }) {
  if (wanted === 'maintenance') return { tone: 'off', word: 'maintenance' };
  const wish = wanted === 'drain' ? ', drained' : '';
  if (observed === 'down' || observed === 'ejected') return { tone: 'bad', word: observed + wish };
  if (observed === 'suspected') return { tone: 'warn', word: observed + wish };
  if (wanted === 'drain') return { tone: 'drain', word: 'draining' };
  return observed === 'starting' ? { tone: 'idle', word: 'starting' } : { tone: 'good', word: 'up' };
}

/** @param {LiveUpstream} upstream */
function whyOf({ wanted, why, users, inFlight, drainUntil }) {
  if (wanted === 'maintenance')
    return inFlight === 0
      ? 'sent nothing, as it was ordered'
      : `${plural(inFlight, 'request')} still under way`;
  if (wanted === 'drain') {
    const end = drainUntil === null ? '' : ` · until ${clock(drainUntil)}`;
    return `${plural(users, 'user')} left${end} · ${why}`;
  }
  return why;
}

/**
 * @param {string} head
 * @param {...(Node | string)} children
 */
function cell(head, ...children) {
  return el('td', { role: 'cell', 'data-head': head }, ...children);
}

/** @param {{ pool: string, upstream: LiveUpstream }} item */
function makeRow({ pool, upstream: { name, url } }) {
  let now = /** @type {LiveUpstream | null} */ (null);
  const sign = el('span', { class: 'sign' });
  const word = el('strong', { class: 'word' });
  const since = el('span', { class: 'since' });
  const why = el('span', { class: 'why' });
  const figures = {
    requests: el('span', { class: 'figure' }),
    errors: el('span', { class: 'figure' }),
    share: el('small'),
    p99: el('span', { class: 'figure' }),
    p50: el('small'),
    inFlight: el('span', { class: 'figure' }),
    users: el('span', { class: 'figure' }),
  };
  const spark = sparkline(
    [
      { column: 'p99Ms', name: 'p99', tone: 'p99', fill: true },
      { column: 'p50Ms', name: 'p50', tone: 'p50' },
    ],
    1,
    (series) =>
      `Latency of ${name} over ten minutes: p99 now ${duration(series.values.p99Ms.at(-1) ?? null)}, at most ${duration(series.most('p99Ms'))}`,
  );
  const load = sparkline(
    [
      { column: 'requestsPerS', name: 'requests', tone: 'accent', fill: true },
      { column: 'errorsPerS', name: 'errors', tone: 'bad', fill: true, quiet: true },
    ],
    1,
    (series) =>
      `Requests a second to ${name} over ten minutes: now ${count(series.values.requestsPerS.at(-1) ?? 0)}, at most ${count(series.most('requestsPerS') ?? 0)}`,
  );
  const weight = el('button', { type: 'button', class: 'quiet weight' });
  weight.addEventListener('click', () => {
    if (now !== null) askForWeight(pool, now);
  });
  /** @type {[Wanted, HTMLButtonElement][]} */
  const wishes = /** @type {Wanted[]} */ (['ready', 'drain', 'maintenance']).map((wanted) => {
    const { verb } = WISHES[wanted];
    const button = el('button', { type: 'button', 'aria-label': `${verb} ${pool}/${name}` }, verb);
    button.addEventListener('click', () => {
      if (now !== null) askForWish(pool, now, wanted, othersOf(pool, name));
    });
    return [wanted, button];
  });
  const node = el(
    'tr',
    { role: 'row', id: placeOf({ pool, upstream: name }), tabindex: -1 },
    el(
      'th',
      { role: 'rowheader', scope: 'row', class: 'upstream' },
      el('strong', {}, name),
      el('small', { class: 'url', title: url }, url.replace(/^https?:\/\//, '')),
    ),
    el(
      'td',
      { role: 'cell', 'data-head': 'State', class: 'state' },
      el('div', { class: 'line' }, sign, word, since),
      why,
    ),
    el(
      'td',
      { role: 'cell', 'data-head': 'Requests', class: 'with-spark' },
      el('div', { class: 'numbers' }, figures.requests),
      load.node,
    ),
    cell('Errors', figures.errors, figures.share),
    el(
      'td',
      { role: 'cell', 'data-head': 'Latency', class: 'with-spark' },
      el('div', { class: 'numbers' }, figures.p99, figures.p50),
      spark.node,
    ),
    cell('In flight', figures.inFlight),
    cell('Users', figures.users),
    cell('Weight', weight),
    el('td', { role: 'cell', class: 'acts' }, ...wishes.map(([, button]) => button)),
  );
  return {
    node,
    /** @param {{ pool: string, upstream: LiveUpstream }} item */
    update({ upstream }) {
      now = upstream;
      const { tone, word: state } = stateOf(upstream);
      setAttribute(node, 'data-tone', tone);
      setIcon(sign, tone);
      setText(word, state);
      setText(since, `${ago(upstream.since)}`);
      setAttribute(since, 'title', `since ${clock(upstream.since, true)}`);
      setText(why, whyOf(upstream));
      setAttribute(why, 'title', whyOf(upstream));
      setText(figures.requests, `${count(upstream.requestsPerS)}/s`);
      const share = upstream.requestsPerS > 0 ? upstream.errorsPerS / upstream.requestsPerS : 0;
      setText(figures.errors, `${count(upstream.errorsPerS)}/s`);
      setText(figures.share, share === 0 ? `${count(upstream.errors)} in all` : percent(share));
      setAttribute(figures.errors, 'data-tone', share > 0 ? 'bad' : null);
      setText(figures.p99, duration(upstream.p99Ms));
      setText(figures.p50, `p50 ${duration(upstream.p50Ms)}`);
      setText(figures.inFlight, count(upstream.inFlight));
      setText(figures.users, count(upstream.users));
      setText(weight, String(upstream.weight));
      setAttribute(weight, 'aria-label', `Weight of ${pool}/${name}: ${upstream.weight}. Change it`);
      const focused = document.activeElement;
      for (const [wanted, button] of wishes) button.hidden = wanted === upstream.wanted;
      if (focused instanceof HTMLButtonElement && focused.hidden && node.contains(focused))
        focusNear(focused);
      for (const button of [weight, ...wishes.map(([, one]) => one)]) {
        button.disabled = refusal !== '';
        setAttribute(button, 'title', refusal === '' ? null : refusal);
      }
      const series = seriesOf(pool, name);
      spark.show(series);
      load.show(series);
    },
    remove() {
      spark.remove();
      load.remove();
    },
  };
}

/**
 * How many others of the pool take new users.
 * @param {string} pool
 * @param {string} name
 */
function othersOf(pool, name) {
  const found = newest.find((one) => one.name === pool);
  return found?.upstreams.filter((other) => other.eligible && other.name !== name).length ?? 0;
}

/** @param {LivePool} pool */
function makePool({ name }) {
  const chips = el('p', { class: 'facts' });
  const figures = el('p', { class: 'facts figures' });
  const body = el('tbody', { role: 'rowgroup' });
  const rows = new KeyedList(body, makeRow);
  const heads = HEADS.map((head) => el('th', { role: 'columnheader', scope: 'col' }, head));
  const node = el(
    'section',
    {
      class: 'card pool',
      id: placeOf({ pool: name, upstream: null }),
      'aria-label': `Pool ${name}`,
      tabindex: -1,
    },
    el('div', { class: 'card-head' }, el('h3', {}, name), chips, figures),
    el(
      'table',
      { role: 'table', class: 'upstreams', 'aria-label': `Upstreams of pool ${name}` },
      el(
        'thead',
        { role: 'rowgroup' },
        el(
          'tr',
          { role: 'row' },
          ...heads,
          el('th', { role: 'columnheader', scope: 'col' }, el('span', { class: 'sr-only' }, 'Change')),
        ),
      ),
      body,
    ),
  );
  return {
    node,
    /** @param {LivePool} pool */
    update(pool) {
      const { upstreams, balance, affinity, waiting } = pool;
      const up = upstreams.filter(({ eligible }) => eligible).length;
      const keeps = affinity === null ? 'users are not kept' : `users are kept by ${affinity}`;
      setText(chips, `${up} of ${upstreams.length} take new users · ${balance} · ${keeps}`);
      setAttribute(node, 'data-tone', up === 0 ? 'bad' : null);
      const waits = waiting === 0 ? '' : ` · ${plural(waiting, 'request')} wait in line`;
      setText(
        figures,
        `${count(pool.requestsPerS)} requests/s · p99 ${duration(pool.p99Ms)} · ${count(pool.inFlight)} in flight${waits}`,
      );
      const shown = upstreams.filter((upstream) => isSought(pool, upstream));
      rows.update(
        shown.map((upstream) => ({ pool: name, upstream })),
        ({ upstream }) => upstream.name,
      );
    },
  };
}

/**
 * @param {LivePool} pool
 * @param {LiveUpstream} upstream
 */
function isSought(pool, upstream) {
  if (sought === '') return true;
  return `${pool.name}/${upstream.name} ${upstream.url} ${stateOf(upstream).word}`
    .toLowerCase()
    .includes(sought);
}

function draw() {
  const shown =
    sought === '' ? newest : newest.filter((pool) => pool.upstreams.some((one) => isSought(pool, one)));
  list.update(shown, ({ name }) => name);
  byId('none-found').hidden = shown.length > 0;
}

/**
 * @param {readonly LivePool[]} pools
 * @param {number} time unix seconds
 * @param {string} why the page may not change anything; '' if it may
 */
export function updatePools(pools, time, why) {
  newest = pools;
  refusal = why;
  const there = new Set();
  for (const { name, upstreams } of pools) {
    for (const upstream of upstreams) {
      there.add(placeOf({ pool: name, upstream: upstream.name }));
      seriesOf(name, upstream.name).add(time, upstream);
    }
  }
  for (const key of kept.keys()) if (!there.has(key)) kept.delete(key);
  draw();
}

/**
 * @param {string} pool
 * @param {LiveHistory} history
 */
export function loadPool(pool, { times, lines }) {
  for (const line of lines) seriesOf(pool, line.name).load(times, line);
}
