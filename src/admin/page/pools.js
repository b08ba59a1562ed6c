// @ts-check
// Every pool with its upstreams: such as need a look first of all, the rest of many behind a button, and what can be done to all at once.
import { placeOf } from './banner.js';
import { Series } from './charts.js';
import { byId, el, field, KeyedList, setAttribute, setText } from './dom.js';
import { count, duration, plural } from './format.js';
import { askForPool, POOL_WISHES } from './pool-changes.js';
import { makeRow, stateOf } from './upstream-row.js';

/** @typedef {import('../live-view.ts').LivePool} LivePool */
/** @typedef {import('../live-view.ts').LiveUpstream} LiveUpstream */
/** @typedef {import('../live-view.ts').LiveHistory} LiveHistory */
/** @typedef {LiveUpstream['wanted']} Wanted */

const HEADS = ['Upstream', 'State', 'Requests', 'Errors', 'Latency', 'In flight', 'Users', 'Weight'];
/** Of more than so many upstreams of a pool, those that are well are shown only up to that number, unless all are asked for. */
const ROWS_MOST = 12;

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
 * Which of them are shown: all that match what is sought; else, of many, all that need a look, and of the others the first.
 * @param {LivePool} pool
 * @param {boolean} whole
 */
function chosenOf(pool, whole) {
  const { upstreams } = pool;
  if (sought !== '') return upstreams.filter((upstream) => isSought(pool, upstream));
  if (whole || upstreams.length <= ROWS_MOST) return upstreams;
  let room = ROWS_MOST - upstreams.filter((upstream) => needsLook(upstream)).length;
  return upstreams.filter((upstream) => needsLook(upstream) || room-- > 0);
}

/** @param {LiveUpstream} upstream */
function needsLook(upstream) {
  return stateOf(upstream).tone !== 'good' || upstream.errorsPerS > 0;
}

/** @param {LivePool} pool */
function makePool({ name }) {
  const chips = el('p', { class: 'facts' });
  const figures = el('p', { class: 'facts figures' });
  const body = el('tbody', { role: 'rowgroup' });
  const rows = new KeyedList(body, makeRow);
  let now = /** @type {LivePool | null} */ (null);
  let whole = false;
  /** @type {[Wanted, HTMLButtonElement][]} */
  const wishes = /** @type {Wanted[]} */ (['ready', 'maintenance']).map((wanted) => {
    const { verb } = POOL_WISHES[wanted];
    const button = el('button', { type: 'button', 'aria-label': `${verb} pool ${name}` }, `${verb} pool`);
    button.addEventListener('click', () => {
      if (now !== null) askForPool(now, wanted);
    });
    return [wanted, button];
  });
  const acts = el('div', { class: 'acts' }, ...wishes.map(([, button]) => button));
  const more = el('button', { type: 'button', class: 'quiet more', 'aria-expanded': 'false' });
  more.addEventListener('click', () => {
    whole = !whole;
    draw();
  });
  const heads = HEADS.map((head) => el('th', { role: 'columnheader', scope: 'col' }, head));
  const node = el(
    'section',
    {
      class: 'card pool',
      id: placeOf({ pool: name, upstream: null }),
      'aria-label': `Pool ${name}`,
      tabindex: -1,
    },
    el('div', { class: 'card-head' }, el('h3', {}, name), chips, figures, acts),
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
    more,
  );
  return {
    node,
    /** @param {LivePool} pool */
    update(pool) {
      now = pool;
      const { upstreams, balance, affinity, waiting } = pool;
      const up = upstreams.filter(({ eligible }) => eligible).length;
      const keeps = affinity === null ? 'users are not kept' : `users are kept by ${affinity}`;
      setText(chips, `${up} of ${upstreams.length} take new users · ${balance} · ${keeps}`);
      const out = upstreams.every(({ wanted }) => wanted === 'maintenance');
      setAttribute(node, 'data-tone', up === 0 && !out ? 'bad' : null);
      const waits = waiting === 0 ? '' : ` · ${plural(waiting, 'request')} wait in line`;
      setText(
        figures,
        `${count(pool.requestsPerS)} requests/s · p99 ${duration(pool.p99Ms)} · ${count(pool.inFlight)} in flight${waits}`,
      );
      const focused = document.activeElement;
      for (const [wanted, button] of wishes) {
        button.hidden = upstreams.every((upstream) => upstream.wanted === wanted);
        button.disabled = refusal !== '';
        setAttribute(button, 'title', refusal === '' ? null : refusal);
      }
      if (focused instanceof HTMLButtonElement && focused.hidden && acts.contains(focused))
        wishes.find(([, button]) => !button.hidden)?.[1].focus();
      const shown = chosenOf(pool, whole);
      const hidden = upstreams.length - shown.length;
      more.hidden = sought !== '' || upstreams.length <= ROWS_MOST || (hidden === 0 && !whole);
      setText(more, whole ? 'Show fewer' : `Show ${hidden} more that are up`);
      setAttribute(more, 'aria-expanded', String(whole));
      rows.update(
        shown.map((upstream) => ({
          pool: name,
          upstream,
          series: seriesOf(name, upstream.name),
          others: up - (upstream.eligible ? 1 : 0),
          refusal,
        })),
        ({ upstream }) => upstream.name,
      );
    },
    remove() {
      rows.update([], ({ upstream }) => upstream.name);
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
