// @ts-check
// One upstream as a row: how it is and why, what goes through it, who lives there, and what can be done to it.
import { placeOf } from './banner.js';
import { askForWeight, askForWish, WISHES } from './changes.js';
import { sparkline } from './charts.js';
import { focusNear } from './dialog.js';
import { el, setAttribute, setText } from './dom.js';
import { ago, clock, count, duration, percent, plural } from './format.js';
import { setIcon } from './icons.js';

/** @typedef {import('../live-view.ts').LiveUpstream} LiveUpstream */
/** @typedef {import('./charts.js').Series} Series */
/** @typedef {LiveUpstream['wanted']} Wanted */

/**
 * The state in one word, its sign, and whether it is the operator's wish.
 * @param {LiveUpstream} upstream
 * @returns {{ tone: import('./icons.js').Tone, word: string }}
 */
export function stateOf({ wanted, observed }) {
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

/**
 * What a row shows. `others`: upstreams of its pool that would still take new users without it; `refusal`: why nothing may be
 * changed, '' where it may.
 * @typedef {{ pool: string, upstream: LiveUpstream, series: Series, others: number, refusal: string }} RowItem
 */

/** @param {RowItem} item */
export function makeRow({ pool, upstream: { name, url } }) {
  let now = /** @type {RowItem | null} */ (null);
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
    if (now !== null) askForWeight(pool, now.upstream);
  });
  /** @type {[Wanted, HTMLButtonElement][]} */
  const wishes = /** @type {Wanted[]} */ (['ready', 'drain', 'maintenance']).map((wanted) => {
    const { verb } = WISHES[wanted];
    const button = el('button', { type: 'button', 'aria-label': `${verb} ${pool}/${name}` }, verb);
    button.addEventListener('click', () => {
      if (now !== null) askForWish(pool, now.upstream, wanted, now.others);
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
    /** @param {RowItem} item */
    update(item) {
      now = item;
      const { upstream, series, refusal } = item;
      const { tone, word: state } = stateOf(upstream);
      setAttribute(node, 'data-tone', tone);
      setIcon(sign, tone);
      setText(word, state);
      // It says since when health sees it so, which is another time than that of the order.
      const ordered = tone === 'off' || tone === 'drain';
      setText(since, ordered ? '' : ago(upstream.since));
      setAttribute(since, 'title', ordered ? null : `since ${clock(upstream.since, true)}`);
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
      spark.show(series);
      load.show(series);
    },
    remove() {
      spark.remove();
      load.remove();
    },
  };
}
