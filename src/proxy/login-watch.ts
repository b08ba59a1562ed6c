// Logins that go by while a revocation is in force which a later login lifts for itself: read from the `Set-Cookie` lines of an answer.
import { type ByteWriter, latin1Text } from '../base/byte-writer.ts';
import type { CredentialSource } from '../session/format.ts';
import type { SessionGuard } from '../session/guard.ts';
import type { Standing } from '../session/standing.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import { givenCookies, setCookieName } from '../wire/set-cookies.ts';
import { type AnswerEditor, layField } from './response-writer.ts';

/**
 * Looks at an answer that sets cookies, before it is passed on: notes the sessions that it gives out. `standing`: the request's verdict;
 * `shown`: its credentials; `inner`: what edits the answer's head already. Returns what is to edit it now: the cookies of a session that
 * was revoked while the request was on its way do not reach the client, since they would look newer than the revocation. Not hot: only
 * while a revocation is in force that a login lifts.
 */
export function watchLogins(
  guard: SessionGuard,
  standing: Standing,
  shown: CredentialSource,
  answer: HeadFields,
  wallMs: number,
  inner: AnswerEditor | null,
): AnswerEditor | null {
  // As the next request will show it: some formats also look at the address and the browser.
  const given = { ...shown, cookies: givenCookies(answer, wallMs), authorization: null };
  let ended = false;
  for (const verifier of guard.verifiers) if (!verifier.noteGiven(given, shown, standing)) ended = true;
  return ended ? new WithoutSession(guard, inner) : inner;
}

/** An answer without the cookies that carry a session. */
class WithoutSession implements AnswerEditor {
  readonly #guard: SessionGuard;
  readonly #inner: AnswerEditor | null;

  constructor(guard: SessionGuard, inner: AnswerEditor | null) {
    this.#guard = guard;
    this.#inner = inner;
  }

  takes(id: number): boolean {
    return id === FIELD.setCookie || this.#inner?.takes(id) === true;
  }

  writeField(out: ByteWriter, fields: HeadFields, index: number): void {
    const { bytes, id, valueStart, valueEnd } = fields;
    if (id[index] === FIELD.setCookie) {
      const name = setCookieName(latin1Text(bytes, valueStart[index]!, valueEnd[index]!));
      if (this.#guard.cookies.has(name)) return;
    }
    if (this.#inner?.takes(id[index]!) === true) this.#inner.writeField(out, fields, index);
    else layField(out, fields, index);
  }

  writeOwn(out: ByteWriter, fields: HeadFields): void {
    this.#inner?.writeOwn(out, fields);
  }
}
