// The session cookie as Rack reads it, with what all of Ruby's formats share: the bounds, and remember-me cookies beside it.
import { cookieValue } from '../cookie-profiles.ts';
import { lookAt } from '../data.ts';
import type { Pending } from '../format.ts';
import type { StoreReader } from '../store.ts';
import { type Finding, invalid } from '../verdict.ts';
import { CREDENTIAL_MAX } from './credential.ts';
import { carriesOne, orRemembered, twoFaced } from './remembered.ts';

/** Longest id that is remembered, UTF-16 units; Rack's have 64. */
const ID_MAX = 256;

/** What a format does with the cookie's value. */
export interface RackCheck {
  /** The one spelling of the value, or null when it has not the form. Cheap. */
  canonical(value: string): string | null;
  /** True: what `canonical` gives is the id under which a store has the session. */
  readonly isId?: boolean;
  /** Judges what `canonical` gave. */
  check(canonical: string, stores: StoreReader, nowS: number): Finding | Promise<Finding>;
}

/** Reads the cookie `name`; while one of the cookies `remember` is there, nobody is told to be nobody. */
export function readRack(
  cookies: string,
  name: string,
  remember: readonly string[],
  format: RackCheck,
): Pending | Finding {
  const value = cookieValue('rack', cookies, name);
  const canonical = canonicalOr(value, format);
  if (typeof canonical !== 'string') return orRemembered(canonical, 'rack', cookies, remember);
  const session = format.isId === true ? { session: canonical } : {};
  if (!carriesOne('rack', cookies, remember))
    return {
      ...twoFaced(false, canonical),
      ...session,
      check: (stores, nowS) => format.check(canonical, stores, nowS),
    };
  return {
    ...twoFaced(true, canonical),
    ...session,
    check: (stores, nowS) => {
      const found = format.check(canonical, stores, nowS);
      const settle = (finding: Finding): Finding => orRemembered(finding, 'rack', cookies, remember);
      return found instanceof Promise ? found.then(settle) : settle(found);
    },
  };
}

/** A finding with the id that Rack's cookie sessions hold inside (`session_id`), which stays while the cookie changes. */
export function withOwnId(finding: Finding): Finding {
  const id = finding.data === null ? undefined : lookAt(finding.data, ['session_id']);
  return typeof id === 'string' && id !== '' && id.length <= ID_MAX ? { ...finding, session: id } : finding;
}

function canonicalOr(value: string | null, format: RackCheck): string | Finding {
  if (value === null || value === '') return invalid('credential.none');
  if (value.length > CREDENTIAL_MAX) return invalid('credential.too-long');
  return format.canonical(value) ?? invalid('credential.malformed');
}
