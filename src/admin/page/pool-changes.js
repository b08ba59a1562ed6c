// @ts-check
// What an operator does to a whole pool at once: asked first, told who is served by whom meanwhile, and taken back upstream by upstream.
import { ask, upstreamPath } from './api.js';
import { wishOf } from './changes.js';
import { askFirst, note } from './dialog.js';
import { plural } from './format.js';
import { insteadOf } from './splits.js';

/** @typedef {import('../live-view.ts').LivePool} LivePool */
/** @typedef {import('../view.ts').UpstreamView} Upstream */
/** @typedef {LivePool['upstreams'][number]['wanted']} Wanted */

/** @type {Readonly<Record<Wanted, { verb: string, done: string }>>} */
export const POOL_WISHES = {
  ready: { verb: 'Enable', done: 'is enabled: all of its upstreams take new users' },
  drain: { verb: 'Drain', done: 'drains: it keeps its users and takes no new ones' },
  maintenance: { verb: 'Disable', done: 'is in maintenance: nothing is sent to it' },
};

/**
 * @param {LivePool} pool
 * @param {Wanted} wanted
 */
export function askForPool(pool, wanted) {
  const { name } = pool;
  const { verb, done } = POOL_WISHES[wanted];
  askFirst({
    title: `${verb} pool ${name}?`,
    text: wanted === 'maintenance' ? outOfService(pool) : intoService(pool),
    label: `${verb} pool ${name}`,
    danger: wanted === 'maintenance',
    run: async () => {
      // What the page shows is a second old: what is taken back is what was there.
      const before = (await ask('/api/v1/upstreams')).filter(
        (/** @type {Upstream} */ upstream) => upstream.pool === name,
      );
      await ask(`/api/v1/pools/${encodeURIComponent(name)}`, 'PATCH', { wanted });
      note(`Pool ${name} ${done}.`, async () => {
        for (const upstream of before)
          await ask(upstreamPath(name, upstream.name), 'PATCH', wishOf(upstream));
        return `Undone: the upstreams of ${name} are wanted as before.`;
      });
    },
  });
}

/** @param {LivePool} pool */
function outOfService({ name, upstreams, inFlight }) {
  const { others, alone } = insteadOf(name);
  const all = upstreams.length === 1 ? 'Its one upstream is' : `All of its ${upstreams.length} upstreams are`;
  const page = 'the pool’s maintenance page, or 503 where it has none';
  const who =
    others.length === 0
      ? `Whoever asks for it is answered with ${page}.`
      : alone
        ? `Users of its canaries go to ${others.join(' and ')}; whoever asks for it elsewhere is answered with ${page}.`
        : `Its users go to ${others.join(' and ')}, and what only its memory holds of them, such as logins, they lose.`;
  return `${all} sent nothing more; ${plural(inFlight, 'request')} under way may finish. ${who}`;
}

/** @param {LivePool} pool */
function intoService({ upstreams }) {
  const out = upstreams.filter(({ wanted }) => wanted !== 'ready').length;
  return `${plural(out, 'upstream')} of ${upstreams.length} ${out === 1 ? 'takes' : 'take'} new users again, as soon as health lets them.`;
}
