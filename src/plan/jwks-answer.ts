// The answer of a route with `jwks: true`: the public keys of tokens, which are others from time to time.
import type { PublishedKeys } from '../session/phantom/signing-keys.ts';
import type { FixedAnswer } from './route-plan.ts';

/** One a worker, shared by all such routes. */
export class JwksAnswer implements FixedAnswer {
  readonly status = 200;
  readonly redirectTo = null;
  body = '';
  fields: readonly (readonly [string, string])[] = [];

  constructor(keys: PublishedKeys) {
    this.show(keys);
  }

  /** From now on these are told. */
  show({ text, maxAgeS }: PublishedKeys): void {
    this.body = text;
    this.fields = [
      ['Content-Type', 'application/json'],
      ['Cache-Control', `public, max-age=${maxAgeS}`],
    ];
  }
}
