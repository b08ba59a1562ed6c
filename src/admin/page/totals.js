// @ts-check
// The whole house in six figures and two charts.
import { largeChart, Series } from './charts.js';
import { byId, el, setAttribute, setText } from './dom.js';
import { count, duration, percent } from './format.js';

/** @typedef {import('../live-view.ts').LiveSnapshot} LiveSnapshot */

/** Shares of errors from which on the figure is marked. */
const ERRORS_MANY = 0.05;
/** Share of the bound of connections from which on the figure is marked. */
const CONNECTIONS_NEAR = 0.9;

/**
 * @param {string} name
 * @param {string} meaning
 */
function tile(name, meaning) {
  const value = el('span', { class: 'value' }, '–');
  const more = el('span', { class: 'more' });
  const node = el('div', { class: 'tile', title: meaning }, el('dt', {}, name), el('dd', {}, value, more));
  byId('tiles').append(node);
  return {
    /**
     * @param {string} now
     * @param {string} besides
     * @param {boolean} [bad]
     */
    show(now, besides, bad = false) {
      setText(value, now);
      setText(more, besides);
      setAttribute(node, 'data-tone', bad ? 'bad' : null);
    },
  };
}

const requests = tile('Requests', 'Requests a second, over the last seconds');
const errors = tile('Errors', 'Answers with a status of 500 or more, of all answers');
const median = tile(
  'Latency p50',
  "Half of the answers' heads come within this, from the last byte of the request",
);
const slow = tile('Latency p99', "All but one in a hundred of the answers' heads come within this");
const inFlight = tile('In flight', 'Requests that are with an upstream now');
const connections = tile('Connections', 'Client connections that are open now');

const traffic = largeChart({
  title: 'Requests a second',
  strokes: [
    { column: 'requestsPerS', name: 'all', tone: 'accent', fill: true },
    { column: 'errorsPerS', name: 'errors', tone: 'bad', fill: true, quiet: true },
  ],
  least: 1,
  format: (value) => (value === null ? '–' : count(value)),
});
const latency = largeChart({
  title: 'Latency',
  strokes: [
    { column: 'p99Ms', name: 'p99', tone: 'p99' },
    { column: 'p50Ms', name: 'p50', tone: 'p50', dash: true },
  ],
  least: 1,
  format: duration,
});
byId('charts').append(traffic.node, latency.node);

/**
 * @param {LiveSnapshot} live
 * @param {Series} series
 */
export function updateTotals({ totals, workers, windowS }, series) {
  const share = totals.requestsPerS > 0 ? totals.errorsPerS / totals.requestsPerS : 0;
  requests.show(
    `${count(totals.requestsPerS)}/s`,
    `${count(totals.refusedPerS)}/s refused · ${count(totals.requests)} in all`,
  );
  errors.show(
    percent(share),
    `${count(totals.errorsPerS)}/s · ${count(totals.errors)} in all`,
    share >= ERRORS_MANY,
  );
  median.show(duration(totals.p50Ms), `last ${windowS} s`);
  slow.show(duration(totals.p99Ms), `last ${windowS} s`);
  inFlight.show(count(totals.inFlight), `${count(totals.retriesPerS)} retries/s`);
  const full = totals.connections / Math.max(1, totals.connectionsMax);
  connections.show(
    count(totals.connections),
    `of ${count(totals.connectionsMax)} · ${workers.listening} of ${workers.wanted} workers`,
    full >= CONNECTIONS_NEAR || workers.listening < workers.wanted,
  );
  traffic.update(series);
  latency.update(series);
}
