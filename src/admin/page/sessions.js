// @ts-check
// Sessions: what the checks come to, how the stores fare, and what apps lose.
import { byId, el, KeyedList, setAttribute, setText } from './dom.js';
import { count, percent } from './format.js';
import { setIcon } from './icons.js';

/** @typedef {import('../live-view.ts').LiveSnapshot} LiveSnapshot */
/** @typedef {import('../live-view.ts').LiveSession} LiveSession */
/** @typedef {import('../view.ts').ContinuityView} Continuity */

/** @type {readonly (keyof LiveSession['checks'])[]} */
const VERDICTS = ['valid', 'anonymous', 'invalid', 'unknown'];
/** @type {Readonly<Record<Continuity['finding'], import('./icons.js').Tone>>} */
const FINDINGS = { depends: 'warn', free: 'good', unrelated: 'info', unclear: 'idle' };

const blocks = new KeyedList(byId('session-list'), makeBlock);
const losses = new KeyedList(byId('continuity-list'), makeLoss);

/** @param {LiveSession} session */
function makeBlock({ name }) {
  const facts = el('p', { class: 'facts' });
  const bar = el('div', { class: 'bar', role: 'img' });
  const parts = VERDICTS.map((verdict) => {
    const value = el('strong');
    const piece = el('span', { class: `piece ${verdict}` });
    bar.append(piece);
    return {
      verdict,
      value,
      piece,
      key: el(
        'div',
        { class: `key ${verdict}` },
        el('dt', {}, el('span', { class: 'stroke', 'aria-hidden': 'true' }), verdict),
        el('dd', {}, value),
      ),
    };
  });
  const lines = {
    checks: line('Checks'),
    cache: line('Remembered'),
    store: line('Store'),
    push: line('Changes told'),
  };
  const node = el(
    'div',
    { class: 'card session' },
    el('div', { class: 'card-head' }, el('h3', {}, name), facts),
    bar,
    el('dl', { class: 'keys' }, ...parts.map(({ key }) => key)),
    el('dl', { class: 'lines' }, ...Object.values(lines).map(({ node: one }) => one)),
  );
  return {
    node,
    /** @param {LiveSession} session */
    update(session) {
      const { checks, cache, store, push } = session;
      setText(facts, `${session.verify} · requires ${session.require}`);
      const all = VERDICTS.reduce((sum, verdict) => sum + checks[verdict], 0);
      for (const { verdict, value, piece } of parts) {
        setText(value, count(checks[verdict]));
        piece.style.flexGrow = String(checks[verdict]);
        piece.hidden = checks[verdict] === 0;
      }
      setAttribute(
        bar,
        'aria-label',
        `Verdicts since start: ${VERDICTS.map((verdict) => `${verdict} ${checks[verdict]}`).join(', ')}`,
      );
      lines.checks.show(
        'info',
        `${count(session.checksPerS)}/s`,
        `${count(session.refusedPerS)}/s invalid or unknown`,
      );
      lines.cache.node.hidden = cache === null;
      if (cache !== null)
        lines.cache.show(
          'info',
          `${count(cache.entries)} verdicts`,
          all === 0 ? '' : `${percent(cache.hits / all)} of checks from memory`,
        );
      lines.store.node.hidden = store === null;
      if (store !== null)
        lines.store.show(
          store.up ? 'good' : 'bad',
          store.up ? `${store.kind} answers` : `${store.kind} is away`,
          store.why,
        );
      lines.push.node.hidden = push === null;
      if (push !== null)
        lines.push.show(push.up ? 'good' : 'warn', push.up ? 'by the store, at once' : 'not told', push.why);
    },
  };
}

/** @param {string} name */
function line(name) {
  const sign = el('span', { class: 'sign' });
  const value = el('strong');
  const more = el('span', { class: 'since' });
  const node = el('div', {}, el('dt', {}, name), el('dd', {}, sign, value, more));
  return {
    node,
    /**
     * @param {import('./icons.js').Tone} tone
     * @param {string} now
     * @param {string} besides
     */
    show(tone, now, besides) {
      if (tone !== 'info') setIcon(sign, tone);
      setAttribute(node, 'data-tone', tone);
      setText(value, now);
      setText(more, besides);
    },
  };
}

/** @param {Continuity} continuity */
function makeLoss({ pool }) {
  const sign = el('span', { class: 'sign' });
  const text = el('span');
  const node = el('li', {}, sign, el('strong', {}, pool), text);
  return {
    node,
    /** @param {Continuity} now */
    update(now) {
      setIcon(sign, FINDINGS[now.finding]);
      setAttribute(node, 'data-tone', FINDINGS[now.finding]);
      setText(text, now.sentence);
    },
  };
}

/** @param {LiveSnapshot} live */
export function updateSessions({ sessions, continuity }) {
  blocks.update(sessions, ({ name }) => name);
  losses.update(continuity, ({ pool }) => pool);
  byId('no-sessions').hidden = sessions.length > 0;
  byId('continuity').hidden = continuity.length === 0;
}
