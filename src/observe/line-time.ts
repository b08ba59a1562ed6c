// The time of access lines as bytes, made once a millisecond or a second, since lines come many at a time.
import { latin1Bytes } from '../base/byte-writer.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number): string => String(n).padStart(2, '0');

export class LineTime {
  readonly #wallMs: () => number;
  #isoMs = -1;
  #iso: Uint8Array = new Uint8Array(0);
  #commonS = -1;
  #common: Uint8Array = new Uint8Array(0);

  /** `wallMs`: unix ms. */
  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  /** `2026-11-21T16:13:56.123Z`. */
  iso(): Uint8Array {
    const nowMs = Math.floor(this.#wallMs());
    if (nowMs !== this.#isoMs) {
      this.#isoMs = nowMs;
      this.#iso = latin1Bytes(new Date(nowMs).toISOString());
    }
    return this.#iso;
  }

  /** `21/Nov/2026:17:13:56 +0100`: local time, as the common log format has it. */
  common(): Uint8Array {
    const nowS = Math.floor(this.#wallMs() / 1000);
    if (nowS !== this.#commonS) {
      this.#commonS = nowS;
      this.#common = latin1Bytes(commonTime(new Date(nowS * 1000)));
    }
    return this.#common;
  }
}

function commonTime(date: Date): string {
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const offset = -date.getTimezoneOffset();
  const distance = Math.abs(offset);
  return `${day}:${clock} ${offset < 0 ? '-' : '+'}${two(Math.floor(distance / 60))}${two(distance % 60)}`;
}
