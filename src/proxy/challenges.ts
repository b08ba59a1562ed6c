// What authorities of certificates are answered while an order is under way: any worker may be asked, before routes and redirects.
import { latin1Text } from '../base/byte-writer.ts';
import type { FixedAnswer } from '../plan/route-plan.ts';
import type { RequestHead } from '../wire/request-head.ts';
import { METHOD } from '../wire/request-method.ts';

/** RFC 8555 section 8.3. */
const PREFIX = '/.well-known/acme-challenge/';
/** Longest token that is looked for: 128 characters are more than any authority makes. */
const TOKEN_MAX = 128;

/** Answers by token. Immutable; there is one only while there is something to answer. */
export class Challenges {
  readonly #answers = new Map<string, FixedAnswer>();

  private constructor(challenges: readonly (readonly [token: string, answer: string])[]) {
    for (const [token, body] of challenges)
      this.#answers.set(token, {
        status: 200,
        redirectTo: null,
        body,
        fields: [['Content-Type', 'application/octet-stream']],
      });
  }

  /** Null: nothing is to be answered. */
  static of(challenges: readonly (readonly [token: string, answer: string])[]): Challenges | null {
    return challenges.length === 0 ? null : new Challenges(challenges);
  }

  /** Null: it asks for something else, or for a token that nobody waits for. */
  answerTo(head: RequestHead): FixedAnswer | null {
    if (head.method !== METHOD.GET && head.method !== METHOD.HEAD) return null;
    const length = head.pathEnd - head.pathStart - PREFIX.length;
    if (length <= 0 || length > TOKEN_MAX) return null;
    const path = latin1Text(head.fields.bytes, head.pathStart, head.pathEnd);
    return path.startsWith(PREFIX) ? (this.#answers.get(path.slice(PREFIX.length)) ?? null) : null;
  }
}
