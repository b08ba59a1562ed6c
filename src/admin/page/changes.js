// @ts-check
// What an operator does to an upstream: each is asked first, says what will happen to whom, and can be taken back.
import { ask, upstreamPath } from './api.js';
import { askFirst, labelled, note } from './dialog.js';
import { el } from './dom.js';
import { nowMs, plural } from './format.js';

/** @typedef {import('../live-view.ts').LiveUpstream} LiveUpstream */
/** @typedef {LiveUpstream['wanted']} Wanted */

const WEIGHT_MAX = 1000;

/** What is said of an upstream once it is wanted so. */
const DONE = {
  ready: 'is enabled: it takes new users',
  drain: 'drains: it keeps its users and takes no new ones',
  maintenance: 'is in maintenance: nothing is sent to it',
};

/** @type {Readonly<Record<Wanted, { verb: string, danger: boolean, text: (upstream: LiveUpstream) => string }>>} */
export const WISHES = {
  ready: {
    verb: 'Enable',
    danger: false,
    text: () => 'It takes new users again, and keeps those it has.',
  },
  drain: {
    verb: 'Drain',
    danger: false,
    text: ({ users }) =>
      `Who lives there stays (${plural(users, 'user')} now); new users go to the others. What is under way finishes.`,
  },
  maintenance: {
    verb: 'Disable',
    danger: true,
    text: ({ users, inFlight }) =>
      `It is sent nothing more. ${plural(inFlight, 'request')} under way may finish; ${plural(users, 'user')} ${users === 1 ? 'is' : 'are'} moved to the others at the next request, and what only its memory holds of them, such as logins, they lose.`,
  },
};

/**
 * @param {string} pool
 * @param {LiveUpstream} upstream
 * @param {Wanted} wanted
 * @param {number} left upstreams of the pool that would still take new users
 */
export function askForWish(pool, upstream, wanted, left) {
  const { verb, danger, text } = WISHES[wanted];
  const { name, wanted: before, drainUntil } = upstream;
  const last =
    wanted !== 'ready' && left === 0
      ? ' It is the last one of its pool that takes new users: they will get 503.'
      : '';
  askFirst({
    title: `${verb} ${pool}/${name}?`,
    text: text(upstream) + last,
    label: `${verb} ${name}`,
    danger: danger || last !== '',
    fields: wanted === 'drain' ? [deadlineField()] : [],
    run: async (form) => {
      const deadline = String(form.get('deadline') ?? '');
      await ask(upstreamPath(pool, name), 'PATCH', { wanted, ...(deadline === '' ? {} : { deadline }) });
      note(`${pool}/${name} ${DONE[wanted]}.`, async () => {
        await ask(upstreamPath(pool, name), 'PATCH', wishOf({ wanted: before, drainUntil }));
        return `Undone: ${pool}/${name} ${DONE[before]}.`;
      });
    },
  });
}

/**
 * What puts an upstream back to where it was: a drain with an end has what is left of its time.
 * @param {Pick<LiveUpstream, 'wanted' | 'drainUntil'>} before
 */
export function wishOf({ wanted, drainUntil }) {
  if (drainUntil === null) return { wanted };
  const leftS = Math.max(1, Math.ceil((Date.parse(drainUntil) - nowMs()) / 1000));
  return { wanted, deadline: `${leftS}s` };
}

/** How long users may stay who live on what is drained. */
function deadlineField() {
  const ends = {
    '': 'as long as they like',
    '5m': '5 minutes',
    '30m': '30 minutes',
    '2h': '2 hours',
    '12h': '12 hours',
  };
  const select = el('select', { id: 'deadline', name: 'deadline' });
  for (const [value, word] of Object.entries(ends)) select.append(el('option', { value }, word));
  return labelled('Its users may stay', select, 'Then it is disabled, and who is left moves to the others.');
}

/**
 * @param {string} pool
 * @param {LiveUpstream} upstream
 */
export function askForWeight(pool, upstream) {
  const { name, weight: before } = upstream;
  const input = el('input', {
    id: 'weight',
    name: 'weight',
    type: 'number',
    min: 0,
    max: WEIGHT_MAX,
    step: 1,
    value: before,
    required: true,
  });
  askFirst({
    title: `Weight of ${pool}/${name}`,
    text: `It is ${before} now. A share of new users and requests goes by it; who has a home keeps it. A restart forgets the change.`,
    label: 'Set the weight',
    fields: [labelled('Weight', input, `A whole number, 0 to ${WEIGHT_MAX}; with 0 it takes no new users.`)],
    run: async (form) => {
      const weight = Number(form.get('weight'));
      await ask(upstreamPath(pool, name), 'PATCH', { weight });
      note(`The weight of ${pool}/${name} is ${weight}; it was ${before}.`, async () => {
        await ask(upstreamPath(pool, name), 'PATCH', { weight: before });
        return `Undone: the weight of ${pool}/${name} is ${before} again.`;
      });
    },
  });
}
