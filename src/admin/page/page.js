// @ts-check
// The page put together: signs in where that is asked for, follows Limpet from second to second, and comes back after it was away.
import { ask, Refused, setToken, stream, token } from './api.js';
import { updateBanner } from './banner.js';
import { Series } from './charts.js';
import { byId, field, part, setAttribute, setText } from './dom.js';
import { addEvent, forgetEvents, newestEvent } from './events.js';
import { clock, setClock, span } from './format.js';
import { loadPool, updatePools } from './pools.js';
import { refreshRevocations, updateRevocations } from './revocations.js';
import { updateSessions } from './sessions.js';
import { refreshSplits, updateSplits } from './splits.js';
import { updateTotals } from './totals.js';

/** @typedef {import('../live-view.ts').LiveSnapshot} LiveSnapshot */
/** @typedef {import('../live-view.ts').LiveHello} LiveHello */
/** @typedef {import('../live-view.ts').LiveHistory} LiveHistory */

/** Without a state for so long, the stream is given up: a connection may die without a word, ms. */
const SILENCE_MS = 5000;
/** Before it is tried again, ms: at first, and at most. */
const RETRY_MS = 500;
const RETRY_MS_MAX = 5000;

const whole = new Series();
let live = /** @type {LiveSnapshot | null} */ (null);
let hello = /** @type {LiveHello | null} */ (null);
/** The version whose page this is. */
let pageVersion = '';
let heardAtMs = performance.now();
let tries = 0;
let abort = new AbortController();

/** @param {'live' | 'lost' | 'connecting'} state */
function showLink(state) {
  const words = { live: 'Live', lost: 'Disconnected', connecting: 'Connecting' };
  const tones = { live: 'good', lost: 'bad', connecting: 'idle' };
  const pill = byId('link');
  setAttribute(pill, 'data-tone', tones[state]);
  setText(part(pill, '.say'), words[state]);
  document.body.classList.toggle('stale', state === 'lost');
  const lost = byId('lost');
  lost.hidden = state !== 'lost' || live === null;
  if (live !== null) {
    const at = `what is shown is of ${clock(live.at, true)}`;
    setText(lost, `Limpet's admin side does not answer; ${at}. It is tried again until it does.`);
  }
}

/** Why nothing may be changed; '' where it may. */
function refusal() {
  if (hello === null || hello.access === 'full') return '';
  return `The token "${hello.name}" may read only; a change needs one with access: full.`;
}

function draw() {
  if (live === null) return;
  const why = refusal();
  const time = Math.round(Date.parse(live.at) / 1000);
  updateBanner(live);
  updateTotals(live, whole);
  updatePools(live.pools, time, why);
  updateSplits(live.pools, why);
  updateSessions(live);
  updateRevocations(live, why);
  const { version, generation, uptimeS, listeners } = live;
  setText(
    byId('foot'),
    `Limpet ${version} · config generation ${generation} · up ${span(uptimeS)} · ${listeners.map(({ url }) => url).join(', ')}`,
  );
}

/** @param {LiveSnapshot} now */
function take(now) {
  heardAtMs = performance.now();
  tries = 0;
  setClock(now.at);
  live = now;
  whole.add(Math.round(Date.parse(now.at) / 1000), now.totals);
  showLink('live');
  byId('house').hidden = false;
  byId('sign-in').hidden = true;
  draw();
}

/** @param {LiveHello} now */
function greet(now) {
  // Another process tells events of its own.
  if (hello !== null && hello.started !== now.started) forgetEvents();
  hello = now;
  if (pageVersion === '') pageVersion = now.version;
  byId('old').hidden = now.version === pageVersion;
  const why = refusal();
  const readOnly = byId('read-only');
  readOnly.hidden = why === '';
  setText(readOnly, `Signed in to look only. ${why}`);
  const who = byId('who');
  who.hidden = token() === '';
  setText(who, now.name);
  byId('sign-out').hidden = token() === '';
}

async function loadHistory() {
  /** @type {LiveHistory} */
  const { times, lines } = await ask('/api/v1/live/history');
  const [all, ...pools] = lines;
  if (all !== undefined) whole.load(times, all);
  await Promise.all(
    pools.map(async ({ name }) =>
      loadPool(name, await ask(`/api/v1/live/history/${encodeURIComponent(name)}`)),
    ),
  );
}

/** @param {string} why */
function askForToken(why) {
  byId('house').hidden = true;
  byId('sign-in').hidden = false;
  setText(byId('sign-in-fault'), why);
  showLink('connecting');
  field('token').focus();
}

/**
 * Follows what happens, from the newest that is known on.
 * @param {AbortSignal} signal
 */
function followEvents(signal) {
  return stream(`/api/v1/events?after=${newestEvent()}`, signal, (event, data) => {
    if (event === 'gap') return;
    addEvent(data);
    if (data.kind === 'revocation') refreshRevocations();
    if (data.kind === 'route' || data.kind === 'reload') refreshSplits();
  });
}

/** Follows Limpet until it is told not to; every end but a refusal is tried again. */
async function follow() {
  abort.abort();
  const own = new AbortController();
  abort = own;
  while (!own.signal.aborted) {
    const turn = new AbortController();
    const ended = AbortSignal.any([own.signal, turn.signal]);
    try {
      heardAtMs = performance.now();
      await loadHistory();
      await new Promise((resolve, reject) => {
        const states = stream('/api/v1/live', ended, (event, data) => {
          if (event === 'live') take(data);
          else if (event === 'hello') {
            greet(data);
            followEvents(ended).then(resolve, reject);
          }
        });
        states.then(resolve, reject);
        silence(ended).then(resolve, reject);
      });
    } catch (error) {
      if (own.signal.aborted) return;
      if (error instanceof Refused && [401, 403, 429].includes(error.status)) {
        askForToken(token() === '' && error.status === 401 ? '' : error.message);
        return;
      }
    } finally {
      turn.abort();
    }
    if (own.signal.aborted) return;
    showLink(live === null ? 'connecting' : 'lost');
    await new Promise((resolve) => setTimeout(resolve, Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** tries++)));
  }
}

/**
 * Resolves when nothing was heard for too long.
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function silence(signal) {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (!signal.aborted && performance.now() - heardAtMs < SILENCE_MS) return;
      clearInterval(timer);
      resolve();
    }, 500);
  });
}

function start() {
  // It ends by itself, and tells on the page what went wrong.
  follow().catch((error) => setText(byId('announce'), error.message));
}

setText(byId('where'), location.host);
byId('load-again').addEventListener('click', () => location.reload());
byId('sign-in-form').addEventListener('submit', (event) => {
  event.preventDefault();
  setToken(field('token').value.trim());
  field('token').value = '';
  setText(byId('sign-in-fault'), '');
  start();
});
byId('sign-out').addEventListener('click', () => {
  setToken('');
  live = null;
  hello = null;
  byId('who').hidden = true;
  byId('sign-out').hidden = true;
  start();
});
start();
