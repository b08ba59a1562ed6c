// What an operator orders, and which digests it comes to.
import { isAmbiguous } from '../cookie-profiles.ts';
import type { SessionFormat } from '../format.ts';
import { buildSession } from '../open-session.ts';
import type { SessionOptions } from '../options.ts';
import { digestOf } from './digest-words.ts';
import type { RecordLetter } from './record.ts';
import { EVERYBODY, nameDigests, userDigest } from './subjects.ts';

/** What is to end. */
export type Order =
  | { readonly kind: 'session'; readonly session: string }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'user'; readonly user: string; readonly block: boolean }
  /** `beforeMs`: unix ms. `user`: null for everybody. */
  | { readonly kind: 'before'; readonly beforeMs: number; readonly user: string | null };

/** An order as it will be found. */
export interface Read {
  readonly letter: RecordLetter;
  readonly digests: readonly string[];
  /** In which ways a token was understood: `cookie of NAME`, `bearer token of NAME`, `digest`, `id`. Empty for the others. */
  readonly understood: readonly string[];
}

/** Reads orders by the session blocks of the config. */
export class OrderReader {
  #sessions: readonly SessionOptions[];
  #formats: readonly SessionFormat[] | null = null;

  constructor(sessions: readonly SessionOptions[]) {
    this.#sessions = sessions;
  }

  /** These are the blocks from now on. */
  use(sessions: readonly SessionOptions[]): void {
    this.#sessions = sessions;
    this.#formats = null;
  }

  read(order: Order, nowS: number): Read {
    switch (order.kind) {
      case 'session':
        return { letter: 's', digests: nameDigests(order.session), understood: [] };
      case 'token':
        return this.#readToken(order.token, nowS);
      case 'user':
        return { letter: order.block ? 'b' : 'u', digests: [userDigest(order.user)], understood: [] };
      case 'before':
        return order.user === null
          ? { letter: 'a', digests: [EVERYBODY], understood: [] }
          : { letter: 'p', digests: [userDigest(order.user)], understood: [] };
    }
  }

  /** As a client sends it, by its digest in hex, or by its own id: nothing tells these apart for sure, so all that it may be is meant. */
  #readToken(token: string, nowS: number): Read {
    const digests: string[] = [];
    const understood: string[] = [];
    const bytes = Buffer.from(token, 'utf8').toString('latin1');
    this.#formats ??= this.#sessions.map(buildSession);
    for (const [i, format] of this.#formats.entries()) {
      const options = this.#sessions[i]!;
      for (const [how, cookies, authorization] of [
        ['cookie', `${options.cookie}=${bytes}`, null],
        ['cookie', bytes, null],
        ['bearer token', '', `Bearer ${bytes}`],
      ] as const) {
        const identities = readCredential(format, options, cookies, authorization, nowS);
        if (identities.length === 0) continue;
        digests.push(...identities);
        understood.push(`${how} of ${options.name}`);
      }
    }
    if (/^[0-9a-f]{64}$/i.test(token)) {
      digests.push(Buffer.from(token, 'hex').toString('latin1'));
      understood.push('digest');
    }
    digests.push(...nameDigests(token));
    understood.push('id');
    return { letter: 't', digests, understood: [...new Set(understood)] };
  }
}

function readCredential(
  format: SessionFormat,
  options: SessionOptions,
  cookies: string,
  authorization: string | null,
  nowS: number,
): string[] {
  // A line's end or the like is in no field of a request.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are meant.
  if (/[\0-\x1f\x7f]/.test(cookies + (authorization ?? ''))) return [];
  if (authorization !== null && format.readsBearer !== true) return [];
  if (cookies !== '' && isAmbiguous(cookies, options.cookie)) return [];
  const read = format.read({ cookies, authorization, userAgent: null, clientAddress: '' }, nowS);
  if (!('check' in read)) return [];
  const { identity, alias, session } = read;
  return [identity, alias, session].flatMap((name) => (name === undefined ? [] : [digestOf(name)]));
}
