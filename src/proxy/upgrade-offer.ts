// Whether an upstream that switches protocols switches to one that its client named (rule C7).
import { latin1Bytes, latin1Text } from '../base/byte-writer.ts';
import { isWord } from '../wire/octets.ts';
import type { ResponseHead } from '../wire/response-head.ts';

const WEB_SOCKET = latin1Bytes('websocket');

/** `offered`: the list that was forwarded; empty when no tunnel was asked for. Compared in any case (RFC 9110 section 7.8). */
export function isOffered(head: ResponseHead, offered: string): boolean {
  if (offered === '' || head.upgrade < 0) return false;
  const { bytes, valueStart, valueEnd } = head.fields;
  const wanted = latin1Text(bytes, valueStart[head.upgrade]!, valueEnd[head.upgrade]!).toLowerCase();
  return offered.toLowerCase().split(', ').includes(wanted);
}

/** Whether the upstream switches to WebSocket (RFC 6455 section 4.2.2). */
export function isWebSocket({ upgrade, fields }: ResponseHead): boolean {
  if (upgrade < 0) return false;
  return isWord(fields.bytes, fields.valueStart[upgrade]!, fields.valueEnd[upgrade]!, WEB_SOCKET);
}
