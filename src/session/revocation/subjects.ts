// By which digest a revocation and what it ends find each other.
import { digestOf } from './digest-words.ts';

/** Of the row that is everybody's. */
export const EVERYBODY = digestOf('everybody');

/** Of a user's rows. What is named by its own text has the digest of that text, so that the two never meet. */
export function userDigest(user: string): string {
  return digestOf(`user\0${user}`);
}

/**
 * Of what goes by this name: a session's id, a token's own id, or a credential that is its own identity. Bytes of requests are one
 * character each, and those of JSON are not: what is no ASCII is looked for in both ways.
 */
export function nameDigests(name: string): string[] {
  const asBytes = Buffer.from(name, 'utf8').toString('latin1');
  return asBytes === name ? [digestOf(name)] : [digestOf(name), digestOf(asBytes)];
}
