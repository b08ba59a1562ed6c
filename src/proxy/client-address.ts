// Who the client is behind the proxies that are trusted.
import { latin1Text } from '../base/byte-writer.ts';
import { type AddressWords, parseAddress } from '../limit/address-words.ts';
import type { TrustedProxies } from '../plan/trusted-proxies.ts';
import { FIELD } from '../wire/fields.ts';
import type { HeadFields } from '../wire/head-fields.ts';
import type { ClientSide } from './client-side.ts';

/** The client's address where `peer` is a trusted proxy: what it says of it, or its own. */
export function forwardedAddress(fields: HeadFields, peer: string, proxies: TrustedProxies): string {
  const forwarded: string[] = [];
  for (let i = 0; i < fields.count; i++) {
    if (fields.id[i] === FIELD.xForwardedFor)
      forwarded.push(latin1Text(fields.bytes, fields.valueStart[i]!, fields.valueEnd[i]!));
  }
  return forwarded.length === 0 ? peer : proxies.clientOf(forwarded.join(','), peer);
}

/** The client as numbers; null: it has no address, as behind a unix socket. Hot for peers that are nobody's proxy. */
export function clientWordsOf(
  fields: HeadFields,
  side: ClientSide,
  proxies: TrustedProxies,
): AddressWords | null {
  return side.trusted ? parseAddress(forwardedAddress(fields, side.address, proxies)) : side.words;
}
