// What becomes of each field of a message, decided when the route is compiled: one table look-up a field at run time.
import { latin1Bytes } from '../base/byte-writer.ts';
import { FIELD, FIELD_COUNT, FIELD_FLAGS, FORWARDING, fieldId, HOP } from '../wire/fields.ts';
import { MARK } from '../wire/head-fields.ts';

/** What to do with a field. `special`: the head writer writes it in its own way, or not at all. */
export const ACTION = { pass: 0, drop: 1, special: 2 } as const;

/** What Limpet tells the app, whoever asks. */
const OWN_NAMES = ['Limpet-Session', 'Limpet-User', 'Limpet-Affinity'];

/** Edits of one direction as an operator writes them. */
export interface EditSpec {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

/** Compiled edits of one direction. */
export interface FieldEdits {
  /** ACTION by field number. */
  readonly actions: Uint8Array;
  /** Lower-case names that are taken off and have no number of their own; null for none. */
  readonly dropNames: readonly Uint8Array[] | null;
  /** Lower-case names that are taken off trailers, with a number of their own or without; null for none. */
  readonly trailerNames: readonly Uint8Array[] | null;
  /** Marks (MARK) that take a field off. */
  readonly dropMarks: number;
  /** Ready field lines to append; null for none. */
  readonly lines: Uint8Array | null;
}

/** Which fields a request loses or has rewritten, before an operator's edits. */
export interface RequestPolicy {
  /** The client is a trusted proxy: what it says of the client behind it stays. */
  readonly trusted: boolean;
  readonly proxyAuth: boolean;
  readonly dropUnderscores: boolean;
  /** The client's `Host` is passed on. */
  readonly keepHost: boolean;
  /** Fields that Limpet tells the app of a session: a client's own are dropped. */
  readonly told: readonly string[];
  /** `Authorization` is the session's own, and is kept from the app on some paths. */
  readonly withholdsAuthorization?: boolean;
}

/** Compiles the edits of requests (rules H1–H5, L7, L8). */
export function compileRequestEdits(spec: EditSpec, policy: RequestPolicy): FieldEdits {
  const actions = hopActions();
  for (let id = 0; id < FIELD_COUNT; id++) {
    if ((FIELD_FLAGS[id]! & FORWARDING) !== 0) actions[id] = policy.trusted ? ACTION.pass : ACTION.drop;
  }
  actions[FIELD.xForwarded] = policy.trusted ? ACTION.pass : ACTION.drop;
  // Written by the head writer: with our own hop added, or made when there is none.
  const { xForwardedFor, forwarded, xRequestId, traceparent, tracestate } = FIELD;
  for (const id of [xForwardedFor, forwarded, xRequestId, traceparent, tracestate])
    if (policy.trusted) actions[id] = ACTION.special;
  actions[FIELD.proxy] = ACTION.drop;
  actions[FIELD.limpet] = ACTION.drop;
  actions[FIELD.cookie] = ACTION.special;
  actions[FIELD.host] = policy.keepHost ? ACTION.pass : ACTION.drop;
  actions[FIELD.maxForwards] = ACTION.special;
  // Depends on whom the attempt reaches (rule C5), and is written with it.
  actions[FIELD.expect] = ACTION.special;
  if (!policy.proxyAuth) actions[FIELD.proxyAuthorization] = ACTION.drop;
  if (policy.withholdsAuthorization === true) actions[FIELD.authorization] = ACTION.special;
  const dropMarks = policy.dropUnderscores ? MARK.named | MARK.underscore : MARK.named;
  // Fields of `Limpet-` are dropped by their number, but `Limpet_User` is the same to CGI and its heirs, and has none.
  const told = policy.dropUnderscores
    ? policy.told.filter((name) => !/^limpet-/i.test(name))
    : [...OWN_NAMES, ...policy.told];
  return withSpec({ ...spec, remove: [...spec.remove, ...told] }, actions, dropMarks);
}

/** Compiles the edits of answers. */
export function compileResponseEdits(spec: EditSpec, proxyAuth: boolean): FieldEdits {
  const actions = hopActions();
  actions[FIELD.contentLength] = ACTION.special;
  actions[FIELD.limpet] = ACTION.drop;
  if (!proxyAuth) {
    actions[FIELD.proxyAuthenticate] = ACTION.drop;
    actions[FIELD.proxyAuthenticationInfo] = ACTION.drop;
  }
  return withSpec(spec, actions, MARK.named);
}

function hopActions(): Uint8Array {
  const actions = new Uint8Array(FIELD_COUNT);
  for (let id = 0; id < FIELD_COUNT; id++) if ((FIELD_FLAGS[id]! & HOP) !== 0) actions[id] = ACTION.drop;
  return actions;
}

function withSpec(spec: EditSpec, actions: Uint8Array, dropMarks: number): FieldEdits {
  const names = [...spec.remove, ...spec.set.map(([name]) => name)];
  const allNames = names.map((name) => latin1Bytes(name.toLowerCase()));
  const dropNames: Uint8Array[] = [];
  for (const bytes of allNames) {
    const id = fieldId(bytes, 0, bytes.length);
    // The two families share a number among many names, so a member of one is taken off by its name.
    if (id === FIELD.other || id === FIELD.limpet || id === FIELD.xForwarded) dropNames.push(bytes);
    else actions[id] = ACTION.drop;
  }
  const lines = [...spec.set, ...spec.add].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return {
    actions,
    dropNames: dropNames.length > 0 ? dropNames : null,
    trailerNames: allNames.length > 0 ? allNames : null,
    dropMarks,
    lines: lines === '' ? null : latin1Bytes(lines),
  };
}
