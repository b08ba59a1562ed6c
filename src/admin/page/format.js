// @ts-check
// Numbers and times as people read them at a glance.

/** What the machine of Limpet is ahead of this one, ms: durations go by its clock. */
let aheadMs = 0;

/** @param {string} at ISO 8601, of the newest state */
export function setClock(at) {
  aheadMs = Date.parse(at) - Date.now();
}

/** Now, by Limpet's clock. */
export function nowMs() {
  return Date.now() + aheadMs;
}

/**
 * `0`, `0.4`, `12`, `3.1k`.
 * @param {number} value
 */
export function count(value) {
  if (value >= 999_500) return `${(value / 1e6).toFixed(value >= 9.95e6 ? 0 : 1)}M`;
  if (value >= 9_995) return `${(value / 1000).toFixed(value >= 99_500 ? 0 : 1)}k`;
  if (value >= 10 || value === 0 || Number.isInteger(value)) return Math.round(value).toLocaleString('en');
  return value >= 0.05 ? value.toFixed(1) : '<0.1';
}

/**
 * `0.94 ms`, `52 ms`, `1.2 s`; `–` where there is none.
 * @param {number | null} ms
 */
export function duration(ms) {
  if (ms === null) return '–';
  if (ms === 0) return '0 ms';
  if (ms >= 9_950) return `${Math.round(ms / 1000)} s`;
  if (ms >= 999.5) return `${(ms / 1000).toFixed(1)} s`;
  if (ms >= 9.95) return `${Math.round(ms)} ms`;
  return `${ms.toFixed(ms >= 0.995 ? 1 : 2)} ms`;
}

/**
 * `0 %`, `0.4 %`, `12 %`.
 * @param {number} share 0 … 1
 */
export function percent(share) {
  const value = share * 100;
  return `${value === 0 || value >= 9.95 ? Math.round(value) : value >= 0.05 ? value.toFixed(1) : '<0.1'} %`;
}

/**
 * `8 s`, `4 min`, `2 h 11 min`, `3 d 4 h`.
 * @param {number} seconds
 */
export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 === 0 ? `${h} h` : `${h} h ${min % 60} min`;
  return h % 24 === 0 ? `${Math.floor(h / 24)} d` : `${Math.floor(h / 24)} d ${h % 24} h`;
}

/**
 * How long ago, as a span.
 * @param {string} at ISO 8601
 */
export function ago(at) {
  return span((nowMs() - Date.parse(at)) / 1000);
}

/**
 * The time of day, with the day where that is another.
 * @param {string} at ISO 8601
 * @param {boolean} [seconds]
 */
export function clock(at, seconds = false) {
  const date = new Date(at);
  const time = date.toLocaleTimeString('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    ...(seconds ? { second: '2-digit' } : {}),
  });
  const today = new Date(nowMs()).toDateString() === date.toDateString();
  return today ? time : `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })}, ${time}`;
}

/**
 * `1 user`, `3 users`.
 * @param {number} n
 * @param {string} what
 */
export function plural(n, what) {
  return `${count(n)} ${what}${n === 1 ? '' : 's'}`;
}
