// Whether an upstream that switches protocols switches to one that its client named (rule C7).
import { latin1Text } from '../base/byte-writer.ts';
import type { ResponseHead } from '../wire/response-head.ts';

/** `offered`: the list that was forwarded; empty when no tunnel was asked for. Compared in any case (RFC 9110 section 7.8). */
export function isOffered(head: ResponseHead, offered: string): boolean {
  if (offered === '' || head.upgrade < 0) return false;
  const { bytes, valueStart, valueEnd } = head.fields;
  const wanted = latin1Text(bytes, valueStart[head.upgrade]!, valueEnd[head.upgrade]!).toLowerCase();
  return offered.toLowerCase().split(', ').includes(wanted);
}
