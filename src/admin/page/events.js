// @ts-check
// What happened, the newest first, as it happens.
import { byId, el, field, setText } from './dom.js';
import { clock } from './format.js';
import { icon } from './icons.js';

/** @typedef {import('../../observe/event-hub.ts').HouseEvent} HouseEvent */

/** Events that the page keeps; Limpet keeps more. */
const KEPT_MAX = 200;
/** @type {Readonly<Record<HouseEvent['level'], import('./icons.js').Tone>>} */
const TONES = { info: 'info', warn: 'warn', error: 'bad' };
const RANKS = { info: 0, warn: 1, error: 2 };

const list = byId('event-list');
const level = field('event-level');
let lastId = 0;
level.addEventListener('change', () => {
  for (const row of list.children) if (row instanceof HTMLElement) sift(row);
  sayIfNone();
});

/** The id of the newest event that is shown; 0: none. */
export function newestEvent() {
  return lastId;
}

/** Another process tells its own events, whose ids begin anew. */
export function forgetEvents() {
  lastId = 0;
  list.replaceChildren();
  sayIfNone();
}

/** @param {HouseEvent} event */
export function addEvent({ id, at, kind, level: rank, text }) {
  if (id <= lastId) return;
  lastId = id;
  const tone = TONES[rank];
  const row = el(
    'li',
    { 'data-tone': tone, 'data-level': rank },
    el('time', { datetime: at, title: at }, clock(at, true)),
    el('span', { class: 'sign' }),
    el('span', { class: 'kind' }, kind),
    el('span', { class: 'text' }, el('span', { class: 'sr-only' }, rank === 'info' ? '' : `${rank}: `), text),
  );
  row.querySelector('.sign')?.append(icon(tone));
  sift(row);
  list.prepend(row);
  while (list.childElementCount > KEPT_MAX) list.lastElementChild?.remove();
  sayIfNone();
}

/** @param {HTMLElement} row */
function sift(row) {
  const rank = /** @type {HouseEvent['level']} */ (row.dataset.level);
  row.hidden = RANKS[rank] < RANKS[/** @type {HouseEvent['level']} */ (level.value)];
}

function sayIfNone() {
  const none = [...list.children].every((row) => row instanceof HTMLElement && row.hidden);
  byId('no-events').hidden = !none;
  setText(
    byId('no-events'),
    list.childElementCount === 0
      ? 'Nothing has happened since this Limpet started.'
      : 'Nothing of this kind has happened.',
  );
}
