// What affinity writes into an answer: its own cookie, the mark in the app's, and the word to caches that goes with either.

import { PRIVATE_LINE, writePrivateCacheControl } from '../affinity/cache-control.ts';
import type { CookieAffinity } from '../affinity/cookie-affinity.ts';
import type { PrefixAffinity } from '../affinity/prefix-affinity.ts';
import type { ByteWriter } from '../base/byte-writer.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import { type AnswerEditor, layField } from './response-writer.ts';

/** Reused from answer to answer of one exchange. */
export class CookieAnswer implements AnswerEditor {
  #cookie: CookieAffinity | null = null;
  #prefix: PrefixAffinity | null = null;
  #position = 0;
  #nonceHi = 0;
  #nonceLo = 0;
  #secure = false;
  /** Some Cache-Control line already keeps shared caches away. */
  #isPrivate = false;

  /** Sets our own cookie. */
  forCookie(
    cookie: CookieAffinity,
    position: number,
    nonceHi: number,
    nonceLo: number,
    secure: boolean,
  ): this {
    this.#cookie = cookie;
    this.#prefix = null;
    this.#position = position;
    this.#nonceHi = nonceHi;
    this.#nonceLo = nonceLo;
    this.#secure = secure;
    this.#isPrivate = false;
    return this;
  }

  /** Marks the app's own cookie, which this answer sets. */
  forPrefix(prefix: PrefixAffinity, position: number): this {
    this.#cookie = null;
    this.#prefix = prefix;
    this.#position = position;
    this.#isPrivate = false;
    return this;
  }

  takes(id: number): boolean {
    return (
      id === FIELD.cacheControl ||
      id === FIELD.cdnCacheControl ||
      id === FIELD.surrogateControl ||
      (id === FIELD.setCookie && this.#prefix !== null)
    );
  }

  writeField(out: ByteWriter, fields: HeadFields, index: number): void {
    const start = fields.valueStart[index]!;
    const end = fields.valueEnd[index]!;
    switch (fields.id[index]) {
      case FIELD.setCookie:
        if (!this.#prefix?.rewrite(out, fields.bytes, start, end, this.#position))
          layField(out, fields, index);
        return;
      case FIELD.cacheControl:
        if (writePrivateCacheControl(out, fields.bytes, start, end)) this.#isPrivate = true;
        return;
      default:
        // What speaks to shared caches over Cache-Control's head goes out only where no cookie does.
        return;
    }
  }

  writeOwn(out: ByteWriter): void {
    if (!this.#isPrivate) out.block(PRIVATE_LINE);
    this.#cookie?.write(out, this.#position, this.#nonceHi, this.#nonceLo, this.#secure);
  }
}
