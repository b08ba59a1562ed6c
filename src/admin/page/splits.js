// @ts-check
// Routes whose users pools share: both sides beside one another, so that a canary is judged at a glance, and shared out otherwise.
import { ask } from './api.js';
import { askFirst, labelled, note } from './dialog.js';
import { byId, el, KeyedList, setAttribute, setText } from './dom.js';
import { count, duration, percent } from './format.js';

/** @typedef {import('../live-view.ts').LivePool} LivePool */
/** @typedef {import('../view.ts').RouteView} Route */
/** @typedef {import('../view.ts').RouteSideView} Side */

/** Routes are asked for so often where one is split, else so often, ms. */
const WATCH_MS = 2000;
const LOOK_MS = 30_000;
/** What a rate of a side looks back over, in looks. */
const LOOKS = 6;
/** As in the config. */
const WEIGHT_MAX = 1_000_000;

let refusal = '';
let routes = /** @type {Route[]} */ ([]);
let splits = /** @type {Route[]} */ ([]);
let pools = /** @type {readonly LivePool[]} */ ([]);
let askedAtMs = Number.NEGATIVE_INFINITY;
/** @type {Map<string, { atMs: number, requests: number, failures: number }[]>} the last looks at each side */
const looks = new Map();

const list = new KeyedList(byId('split-list'), makeSplit);

/**
 * @param {string} route
 * @param {Side} side
 */
function growth(route, { pool, requests, failures }) {
  const past = looks.get(`${route} ${pool}`) ?? [];
  const first = past[0];
  const last = past.at(-1);
  if (first === undefined || last === undefined || last.atMs === first.atMs) return null;
  const seconds = (last.atMs - first.atMs) / 1000;
  const grown = Math.max(0, requests - first.requests);
  return { perS: grown / seconds, errors: grown === 0 ? 0 : Math.max(0, failures - first.failures) / grown };
}

/** @param {Route} route */
function makeSplit({ name }) {
  let now = /** @type {Route | null} */ (null);
  const bar = el('div', { class: 'bar split', role: 'img' });
  const body = el('tbody', { role: 'rowgroup' });
  const rows = new KeyedList(body, makeSide);
  const change = el('button', { type: 'button', 'aria-label': `Share out ${name} otherwise` }, 'Share out …');
  change.addEventListener('click', () => {
    if (now !== null) askToShare(now);
  });
  const heads = ['Pool', 'Weight', 'Of its requests', 'Requests', 'Errors', 'Latency of the pool'];
  const node = el(
    'div',
    { class: 'card split' },
    el(
      'div',
      { class: 'card-head' },
      el('h3', {}, name),
      el('p', { class: 'facts' }, 'its users are shared out by weight'),
      change,
    ),
    bar,
    el(
      'div',
      { class: 'scroll', role: 'region', 'aria-label': `Sides of ${name}`, tabindex: 0 },
      el(
        'table',
        { role: 'table', class: 'sides' },
        el(
          'thead',
          { role: 'rowgroup' },
          el(
            'tr',
            { role: 'row' },
            ...heads.map((head) => el('th', { role: 'columnheader', scope: 'col' }, head)),
          ),
        ),
        body,
      ),
    ),
  );
  return {
    node,
    /** @param {Route} route */
    update(route) {
      now = route;
      change.disabled = refusal !== '';
      setAttribute(change, 'title', refusal === '' ? null : refusal);
      const all = route.pools.reduce((sum, { weight }) => sum + (weight ?? 0), 0);
      while (bar.childElementCount < route.pools.length)
        bar.append(el('span', { class: `piece side-${bar.childElementCount % 4}` }));
      while (bar.childElementCount > route.pools.length) bar.lastElementChild?.remove();
      for (const [i, { weight }] of route.pools.entries()) {
        const piece = bar.children[i];
        if (!(piece instanceof HTMLElement)) continue;
        piece.style.flexGrow = String(weight ?? 0);
        piece.hidden = weight === 0;
      }
      setAttribute(
        bar,
        'aria-label',
        `Weights: ${route.pools.map(({ pool, weight }) => `${pool} ${weight}`).join(', ')}`,
      );
      const rates = route.pools.map((side) => growth(name, side));
      const total = rates.reduce((sum, rate) => sum + (rate?.perS ?? 0), 0);
      rows.update(
        route.pools.map((side, i) => ({ side, i, all, rate: rates[i] ?? null, total })),
        ({ side }) => side.pool,
      );
    },
  };
}

/** @typedef {{ side: Side, i: number, all: number, rate: { perS: number, errors: number } | null, total: number }} Row */

/** @param {Row} row */
function makeSide({ side: { pool }, i }) {
  const cells = {
    weight: el('td', { role: 'cell', 'data-head': 'Weight' }),
    share: el('td', { role: 'cell', 'data-head': 'Of its requests' }),
    requests: el('td', { role: 'cell', 'data-head': 'Requests' }),
    errors: el('td', { role: 'cell', class: 'figure', 'data-head': 'Errors' }),
    latency: el('td', { role: 'cell', 'data-head': 'Latency of the pool' }),
  };
  const node = el(
    'tr',
    { role: 'row' },
    el(
      'th',
      { role: 'rowheader', scope: 'row' },
      el('span', { class: `swatch side-${i % 4}`, 'aria-hidden': 'true' }),
      el('strong', {}, pool),
    ),
    ...Object.values(cells),
  );
  return {
    node,
    /** @param {Row} row */
    update({ side, all, rate, total }) {
      const live = pools.find(({ name }) => name === pool);
      setText(cells.weight, `${side.weight ?? 0} · ${percent(all === 0 ? 0 : (side.weight ?? 0) / all)}`);
      setText(cells.share, rate === null || total === 0 ? '–' : percent(rate.perS / total));
      setText(cells.requests, rate === null ? '–' : `${count(rate.perS)}/s`);
      setText(cells.errors, rate === null ? '–' : percent(rate.errors));
      setAttribute(cells.errors, 'data-tone', rate !== null && rate.errors >= 0.05 ? 'bad' : null);
      setText(
        cells.latency,
        live === undefined ? '–' : `p99 ${duration(live.p99Ms)} · p50 ${duration(live.p50Ms)}`,
      );
    },
  };
}

/** @param {Route} route */
function askToShare({ name, pools: sides }) {
  const path = `/api/v1/routes/${encodeURIComponent(name)}`;
  const before = Object.fromEntries(sides.map(({ pool, weight }) => [pool, weight ?? 0]));
  const fields = sides.map(({ pool, weight }, i) =>
    labelled(
      pool,
      el('input', {
        id: `side-${i}`,
        name: `side-${i}`,
        type: 'number',
        min: 0,
        max: WEIGHT_MAX,
        step: 1,
        required: true,
        value: weight ?? 0,
      }),
    ),
  );
  askFirst({
    title: `Share out ${name}`,
    text: 'Only as many users change sides as the new weights ask for; everybody else stays. A side with 0 gets nobody.',
    label: 'Share out so',
    fields,
    run: async (form) => {
      const weights = Object.fromEntries(sides.map(({ pool }, i) => [pool, Number(form.get(`side-${i}`))]));
      await ask(path, 'PATCH', { weights });
      refreshSplits();
      const words = Object.entries(weights).map(([pool, weight]) => `${pool} ${weight}`);
      note(`${name} is shared out: ${words.join(', ')}.`, async () => {
        await ask(path, 'PATCH', { weights: before });
        refreshSplits();
        return `Undone: ${name} is shared out as before.`;
      });
    },
  });
}

/**
 * Who serves the users of a pool that nobody is sent to: the other sides of its canaries, and whether there are routes that lead to
 * it alone.
 * @param {string} pool
 */
export function insteadOf(pool) {
  const own = routes.filter(({ pools: sides }) => sides.some((side) => side.pool === pool));
  const takes = (/** @type {string} */ name) =>
    pools.some((one) => one.name === name && one.upstreams.some(({ eligible }) => eligible));
  const others = new Set();
  let alone = own.length === 0;
  for (const { pools: sides } of own) {
    const taking = sides.filter((side) => side.pool !== pool && takes(side.pool));
    alone ||= taking.length === 0;
    for (const side of taking) others.add(side.pool);
  }
  return { others: [...others], alone };
}

/** Asks for the routes anew. */
export function refreshSplits() {
  askedAtMs = performance.now();
  ask('/api/v1/routes').then(
    (told) => {
      const atMs = performance.now();
      routes = told;
      splits = routes.filter((/** @type {Route} */ route) => route.does === 'split');
      const there = new Set();
      for (const { name, pools: sides } of splits) {
        for (const { pool, requests, failures } of sides) {
          const key = `${name} ${pool}`;
          there.add(key);
          const past = looks.get(key) ?? [];
          // Fewer than before: another process counts.
          if ((past.at(-1)?.requests ?? 0) > requests) past.length = 0;
          past.push({ atMs, requests, failures });
          if (past.length > LOOKS) past.shift();
          looks.set(key, past);
        }
      }
      for (const key of looks.keys()) if (!there.has(key)) looks.delete(key);
      drawSplits();
    },
    // The link to Limpet tells of itself.
    () => {},
  );
}

function drawSplits() {
  byId('splits').hidden = splits.length === 0;
  byId('splits-link').hidden = splits.length === 0;
  list.update(splits, ({ name }) => name);
}

/**
 * @param {readonly LivePool[]} now
 * @param {string} why the page may not change anything; '' if it may
 */
export function updateSplits(now, why) {
  pools = now;
  refusal = why;
  if (performance.now() - askedAtMs >= (splits.length > 0 ? WATCH_MS : LOOK_MS)) refreshSplits();
  drawSplits();
}
