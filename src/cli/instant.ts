// A point in time as people type it: `now`, `-2h` for so long ago, or a date and time.
import { isWrong, parseDuration, type Reading } from '../config/units.ts';

const DAY_MS = 86_400_000;
/** The time of day may be left out, and its seconds; without a zone it is the machine's own time. */
const ISO = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/i;
const RIGHT = 'now, -2h, 2026-01-31T12:00:00Z or 2026-01-31 12:00 (local time)';

/** Unix ms of `text`. `nowMs`: wall clock. */
export function parseInstant(text: string, nowMs: number): Reading<number> {
  if (text === 'now') return { value: nowMs };
  if (text.startsWith('-')) {
    const ago = parseDuration(text.slice(1), { min: 0, max: 40_000 * DAY_MS });
    return isWrong(ago) ? { wrong: ago.wrong, right: RIGHT } : { value: nowMs - ago.value };
  }
  const timeMs = isDate(text) ? Date.parse(withTime(text)) : Number.NaN;
  if (Number.isNaN(timeMs)) return { wrong: `${JSON.stringify(text)} is no time`, right: RIGHT };
  return { value: timeMs };
}

/** A date alone is midnight here too, where ECMAScript would take it for UTC. */
function withTime(text: string): string {
  return text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T');
}

/** In the form, and a day that there is: ECMAScript takes the 31st of February for the 3rd of March. */
function isDate(text: string): boolean {
  const day = new Date(`${text.slice(0, 10)}T00:00Z`);
  return ISO.test(text) && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text.slice(0, 10));
}
