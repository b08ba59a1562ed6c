// @ts-check
// The switch that ends sessions: what has been ended and is in force, what else is to be, and how either is taken back.
import { ask } from './api.js';
import { askFirst, labelled, note } from './dialog.js';
import { byId, el, field, KeyedList, setAttribute, setText } from './dom.js';
import { clock, count } from './format.js';

/** @typedef {import('../live-view.ts').LiveSnapshot} LiveSnapshot */
/** @typedef {import('../view.ts').RevocationView} Revocation */

const PAGE = 50;
/** The list is asked for again at least so often, ms. */
const STALE_MS = 15_000;

let refusal = '';
let hasSwitch = false;
let next = /** @type {string | null} */ (null);
let shown = /** @type {Revocation[]} */ ([]);
let askedAtMs = Number.NEGATIVE_INFINITY;

const rows = new KeyedList(byId('revocation-list'), makeRow);

/** @param {Revocation} revocation */
function nameOf({ kind, user, block, before }) {
  if (kind === 'before') {
    const whose = user === null ? 'everybody' : user;
    return `issued before ${clock(before ?? '', true)} to ${whose}`;
  }
  if (kind !== 'user') return `one ${kind}`;
  return block ? `user ${user}, kept out` : `user ${user}`;
}

/** @param {Revocation} revocation */
function makeRow(revocation) {
  const { id, at, until, by, reason } = revocation;
  const lift = el('button', { type: 'button', 'aria-label': `Lift: ${nameOf(revocation)}` }, 'Lift');
  lift.addEventListener('click', () => askToLift(revocation));
  const cell = (/** @type {string} */ head, /** @type {string | Node} */ what) =>
    el('td', { role: 'cell', 'data-head': head }, what);
  const node = el(
    'tr',
    { role: 'row', 'data-revocation': id },
    el('th', { role: 'rowheader', scope: 'row' }, nameOf(revocation)),
    cell('Ordered', clock(at, true)),
    cell('Until', clock(until)),
    cell('By', by),
    cell('Reason', reason === '' ? '–' : reason),
    el('td', { role: 'cell', class: 'acts' }, lift),
  );
  return {
    node,
    update() {
      lift.disabled = refusal !== '';
      setAttribute(lift, 'title', refusal === '' ? null : refusal);
    },
  };
}

/** @param {Revocation} revocation */
function askToLift(revocation) {
  const { id, user, kind, block, before, reason, until } = revocation;
  const again =
    kind === 'user'
      ? { user, block }
      : kind === 'before'
        ? { before, ...(user === null ? {} : { user }) }
        : null;
  const ttlS = Math.max(1, Math.round((Date.parse(until) - Date.now()) / 1000));
  askFirst({
    title: `Lift the revocation of ${nameOf(revocation)}?`,
    text: `What it ended and what has not run out is good again.${again === null ? ' It cannot be undone here: which one it was is not kept.' : ''}`,
    label: 'Lift it',
    danger: again === null,
    run: async () => {
      await ask(`/api/v1/revocations/${encodeURIComponent(id)}`, 'DELETE');
      refreshRevocations();
      const undo = async () => {
        await ask('/api/v1/revocations', 'POST', { ...again, reason, ttl: `${ttlS}s` });
        refreshRevocations();
        return `Undone: ${nameOf(revocation)} is revoked again.`;
      };
      note(`Lifted: ${nameOf(revocation)}.`, again === null ? null : undo);
    },
  });
}

/** @type {Readonly<Record<string, { label: string, hint: string }>>} */
const TARGETS = {
  user: { label: 'User', hint: 'Ends all that this user holds, on every device. A new login works at once.' },
  session: { label: 'Session id', hint: 'The id as the app or its store knows it.' },
  token: { label: 'Token', hint: 'A whole token or signed cookie, as it was sent.' },
  before: {
    label: 'Issued before',
    hint: 'Ends all sessions of everybody that were issued before this time, by your clock.',
  },
};

function askToRevoke() {
  const kind = el('select', { id: 'revoke-kind', name: 'kind' });
  const words = {
    user: 'all of a user',
    session: 'one session',
    token: 'one token',
    before: 'everything before a time',
  };
  for (const [value, word] of Object.entries(words)) kind.append(el('option', { value }, word));
  const reason = el('input', { id: 'revoke-reason', name: 'reason', maxlength: 200, autocomplete: 'off' });
  const block = el('input', { id: 'revoke-block', name: 'block', type: 'checkbox' });
  const blockRow = el(
    'div',
    { class: 'field check' },
    block,
    el('label', { for: 'revoke-block' }, 'Keep the user out until this is lifted'),
  );
  const target = el('div');
  const choose = () => {
    const { label, hint } = TARGETS[kind.value] ?? { label: '', hint: '' };
    const isTime = kind.value === 'before';
    const input = el('input', {
      id: 'revoke-what',
      name: 'what',
      required: true,
      autocomplete: 'off',
      spellcheck: 'false',
      ...(isTime
        ? { type: 'datetime-local', step: 1, value: localTime(new Date()) }
        : { type: 'text', maxlength: 8192 }),
    });
    target.replaceChildren(labelled(label, input, hint));
    blockRow.hidden = kind.value !== 'user';
  };
  kind.addEventListener('change', choose);
  choose();
  askFirst({
    title: 'End sessions',
    text: 'At once, in every worker and in every Limpet that shares this switch. Open pages and sockets of it are closed.',
    label: 'End them',
    danger: true,
    fields: [labelled('What', kind), target, blockRow, labelled('Reason (for the list and the log)', reason)],
    run: async (form) => {
      const what = String(form.get('what') ?? '').trim();
      const of = String(form.get('kind'));
      const body = {
        [of]: of === 'before' ? new Date(what).toISOString() : what,
        ...(of === 'user' && form.get('block') !== null ? { block: true } : {}),
        ...(form.get('reason') === '' ? {} : { reason: String(form.get('reason')) }),
      };
      /** @type {Revocation & { renewed: boolean, shared: boolean, note: string }} */
      const made = await ask('/api/v1/revocations', 'POST', body);
      refreshRevocations();
      const undo = async () => {
        await ask(`/api/v1/revocations/${encodeURIComponent(made.id)}`, 'DELETE');
        refreshRevocations();
        return `Undone: ${nameOf(made)} is good again.`;
      };
      // One that was there before is not taken back by undoing its renewal.
      note(`Ended: ${nameOf(made)}. ${made.note}`, made.renewed ? null : undo);
    },
  });
}

/**
 * As `datetime-local` has it.
 * @param {Date} date
 */
function localTime(date) {
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

/** Asks for the newest page of the list again. */
export function refreshRevocations() {
  if (!hasSwitch) return;
  askedAtMs = performance.now();
  ask(`/api/v1/revocations?limit=${PAGE}`).then(
    (page) => {
      shown = page.revocations;
      next = page.next;
      drawRevocations();
    },
    // The link to Limpet tells of itself.
    () => {},
  );
}

function drawRevocations() {
  rows.update(shown, ({ id }) => id);
  byId('no-revocations').hidden = shown.length > 0;
  byId('more-revocations').hidden = next === null;
  const table = byId('revocation-list').closest('.scroll');
  if (table instanceof HTMLElement) table.hidden = shown.length === 0;
}

const revoke = field('revoke');
revoke.addEventListener('click', askToRevoke);
byId('more-revocations').addEventListener('click', () => {
  if (next === null) return;
  ask(`/api/v1/revocations?limit=${PAGE}&after=${encodeURIComponent(next)}`).then(
    (page) => {
      shown = [...shown, ...page.revocations];
      next = page.next;
      drawRevocations();
    },
    () => {},
  );
});

/**
 * @param {LiveSnapshot} live
 * @param {string} why the page may not change anything; '' if it may
 */
export function updateRevocations({ revocations }, why) {
  refusal = why;
  hasSwitch = revocations !== null;
  byId('revocations').hidden = !hasSwitch;
  revoke.hidden = !hasSwitch;
  revoke.disabled = why !== '';
  setAttribute(revoke, 'title', why === '' ? null : why);
  if (revocations !== null) setText(byId('revocation-facts'), switchFacts(revocations));
  // A list of which more was asked for is left as it is.
  if (hasSwitch && shown.length <= PAGE && performance.now() - askedAtMs > STALE_MS) refreshRevocations();
  drawRevocations();
}

/** @param {NonNullable<LiveSnapshot['revocations']>} revocations */
function switchFacts({ entries, kept, synced, waiting, why }) {
  const where =
    kept === 'redis' ? (synced ? 'shared by Redis' : `not shared: ${why}`) : 'kept in this process alone';
  return `${count(entries)} in force · ${where}${waiting === 0 ? '' : ` · ${waiting} wait to be shared`}`;
}
