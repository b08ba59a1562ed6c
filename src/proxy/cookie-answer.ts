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
  /** A cookie that names a home goes out with this answer. */
  #marks = false;

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
    this.#marks = true;
    return this;
  }

  /** Marks the app's own cookie. */
  forPrefix(prefix: PrefixAffinity, position: number): this {
    this.#cookie = null;
    this.#prefix = prefix;
    this.#position = position;
    this.#isPrivate = false;
    this.#marks = false;
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
        if (this.#prefix?.rewrite(out, fields.bytes, start, end, this.#position)) this.#marks = true;
        else layField(out, fields, index);
        return;
      case FIELD.cacheControl:
        // Directives are written in the end, when it is known whether a cookie goes out.
        return;
      default:
        // What speaks to shared caches over Cache-Control's head goes out only where no cookie does.
        return;
    }
  }

  writeOwn(out: ByteWriter, fields: HeadFields): void {
    for (let i = 0; i < fields.count; i++) {
      const id = fields.id[i]!;
      if (id === FIELD.cacheControl && this.#marks) {
        if (writePrivateCacheControl(out, fields.bytes, fields.valueStart[i]!, fields.valueEnd[i]!))
          this.#isPrivate = true;
      } else if (!this.#marks && this.takes(id) && id !== FIELD.setCookie) {
        layField(out, fields, i);
      }
    }
    if (this.#marks && !this.#isPrivate) out.block(PRIVATE_LINE);
    this.#cookie?.write(out, this.#position, this.#nonceHi, this.#nonceLo, this.#secure);
  }
}
