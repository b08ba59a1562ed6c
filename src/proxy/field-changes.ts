// What became of a request's fields on their way to the upstream, by name only: values may be secret.
import { type ByteWriter, latin1Text } from '../base/byte-writer.ts';
import type { RoutePlan } from '../plan/route-plan.ts';
import type { HeadFields } from '../wire/head-fields.ts';

/** Names of fields, as they are written. */
export interface FieldChanges {
  /** The client sent them, the upstream does not get them. */
  readonly removed: readonly string[];
  /** The upstream gets others in their place. */
  readonly replaced: readonly string[];
  /** Nobody sent them, the upstream gets them. */
  readonly added: readonly string[];
}

/** Fields that are written with each attempt and not before. */
const WITH_ATTEMPT = ['transfer-encoding', 'expect'];

interface Lines {
  readonly name: string;
  readonly values: string[];
}

/** Compares the client's `fields` with the head `out` that was laid out for the upstream. */
export function fieldChanges(fields: HeadFields, out: ByteWriter, plan: RoutePlan): FieldChanges {
  const came = new Map<string, Lines>();
  for (let i = 0; i < fields.count; i++) {
    const { bytes, nameStart, nameEnd, valueStart, valueEnd } = fields;
    note(
      came,
      latin1Text(bytes, nameStart[i]!, nameEnd[i]!),
      latin1Text(bytes, valueStart[i]!, valueEnd[i]!),
    );
  }
  const goes = new Map<string, Lines>();
  for (const line of latin1Text(out.bytes, 0, out.length).split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon > 0) note(goes, line.slice(0, colon), line.slice(colon + 1).trim());
  }
  // Written with the attempt, since it is the chosen upstream's own.
  if (plan.hostMode === 'upstream') note(goes, 'Host', '');
  const removed: string[] = [];
  const replaced: string[] = [];
  for (const [key, { name, values }] of came) {
    if (WITH_ATTEMPT.includes(key)) continue;
    const sent = goes.get(key);
    if (sent === undefined) removed.push(name);
    else if (sent.values.join('\n') !== values.join('\n')) replaced.push(name);
  }
  const added = [...goes].filter(([key]) => !came.has(key)).map(([, { name }]) => name);
  return { removed, replaced, added };
}

function note(lines: Map<string, Lines>, name: string, value: string): void {
  const key = name.toLowerCase();
  const known = lines.get(key);
  if (known === undefined) lines.set(key, { name, values: [value] });
  else known.values.push(value);
}
