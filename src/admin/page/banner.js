// @ts-check
// The first thing that is seen: is anything wrong, what, since when, and what to do about it.
import { byId, el, KeyedList, part, setAttribute, setText } from './dom.js';
import { ago, clock, count, percent, plural } from './format.js';
import { setIcon } from './icons.js';

/** @typedef {import('../live-view.ts').LiveSnapshot} LiveSnapshot */
/** @typedef {import('../live-view.ts').Trouble} Trouble */

/** @type {Readonly<Record<Trouble['severity'], { tone: import('./icons.js').Tone, word: string }>>} */
const SEVERITIES = {
  critical: { tone: 'bad', word: 'Critical' },
  warning: { tone: 'warn', word: 'Warning' },
  notice: { tone: 'info', word: 'Notice' },
};

const banner = byId('banner');
const list = new KeyedList(part(banner, '.troubles'), makeRow);
let announced = '';

/** @param {Trouble} trouble */
function makeRow(trouble) {
  const sign = el('span', { class: 'sign' });
  const word = el('span', { class: 'sr-only' });
  const what = el('strong');
  const since = el('span', { class: 'since' });
  const advice = el('p', { class: 'advice' });
  const node = el('li', {}, sign, el('div', {}, el('p', { class: 'what' }, word, what, since), advice));
  if (trouble.pool !== null) {
    const at = placeOf(trouble);
    node.append(
      el(
        'a',
        { class: 'goto', href: `#${at}`, 'aria-label': `Show ${trouble.upstream ?? trouble.pool}` },
        'Show',
      ),
    );
  }
  return {
    node,
    /** @param {Trouble} now */
    update(now) {
      const { tone, word: severity } = SEVERITIES[now.severity];
      setIcon(sign, tone);
      setAttribute(node, 'data-tone', tone);
      setText(word, `${severity}: `);
      setText(what, now.what);
      setText(since, `since ${clock(now.since, true)} · ${ago(now.since)}`);
      setText(advice, now.advice);
    },
  };
}

/**
 * The id of what a trouble is about, on this page.
 * @param {Pick<Trouble, 'pool' | 'upstream'>} trouble
 */
export function placeOf({ pool, upstream }) {
  const of = (/** @type {string | null} */ name) => encodeURIComponent(name ?? '');
  return upstream === null ? `pool-${of(pool)}` : `upstream-${of(pool)}-${of(upstream)}`;
}

/** @param {LiveSnapshot} live */
export function updateBanner(live) {
  const wrong = live.troubles.filter(({ severity }) => severity !== 'notice');
  const worst = wrong[0]?.severity;
  const tone = worst === undefined ? 'good' : SEVERITIES[worst].tone;
  const title =
    wrong.length === 0
      ? 'All is well'
      : wrong.length === 1
        ? 'One thing is wrong'
        : `${wrong.length} things are wrong`;
  setAttribute(banner, 'data-tone', tone);
  setIcon(part(banner, '.sign'), tone);
  setText(part(banner, 'h2'), title);
  setText(part(banner, '.since'), `since ${clock(live.since, true)} · ${ago(live.since)}`);
  setText(part(banner, '.gist'), gistOf(live));
  list.update(live.troubles, ({ id }) => id);
  const mark = wrong.length === 0 ? '' : worst === 'critical' ? '✕' : '▲';
  document.title = wrong.length === 0 ? 'Limpet' : `${mark} ${wrong.length} · Limpet`;
  setAttribute(byId('icon'), 'href', wrong.length === 0 ? '/page/well.svg' : '/page/unwell.svg');
  announce(wrong, title);
}

/** @param {LiveSnapshot} live */
function gistOf({ pools, totals }) {
  const all = pools.flatMap(({ upstreams }) => upstreams);
  const up = all.filter(({ observed }) => observed === 'up' || observed === 'starting').length;
  const share = totals.requestsPerS > 0 ? totals.errorsPerS / totals.requestsPerS : 0;
  const errors = share === 0 ? 'no errors' : `${percent(share)} errors`;
  return `${up} of ${plural(all.length, 'upstream')} up · ${count(totals.requestsPerS)} requests/s · ${errors}`;
}

/**
 * Read out when it changes, and then only.
 * @param {readonly Trouble[]} wrong
 * @param {string} title
 */
function announce(wrong, title) {
  const ids = wrong.map(({ id, severity }) => `${severity} ${id}`).join('\n');
  if (ids === announced) return;
  announced = ids;
  setText(byId('announce'), [title, ...wrong.map(({ what }) => what)].join('. '));
}
