// The id of a request that Limpet answers itself, by which its answer and its line in the log find each other.
import { latin1Text } from '../base/byte-writer.ts';
import type { RandomBytes } from '../base/random.ts';
import { FIELD } from '../wire/fields.ts';
import type { RequestHead } from '../wire/request-head.ts';
import type { ClientSide } from './client-side.ts';

/** What a trusted proxy calls it (`X-Request-Id`), else 128 fresh random bits in hex: as an upstream would be told. */
export function requestIdOf(head: RequestHead, side: ClientSide, random: RandomBytes): string {
  const { fields } = head;
  const given = fields.first[FIELD.xRequestId]!;
  if (side.trusted && given >= 0 && fields.valueEnd[given]! > fields.valueStart[given]!)
    return latin1Text(fields.bytes, fields.valueStart[given]!, fields.valueEnd[given]!);
  const at = random.take(16);
  return Buffer.from(random.bytes.buffer, random.bytes.byteOffset + at, 16).toString('hex');
}
