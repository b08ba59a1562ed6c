// Turns a route's changes to fields into edits, and refuses those that would break a message or pass for Limpet's word.
import type { FieldEdits } from './config.ts';
import { blameKey, type Draft, items, whole } from './draft.ts';
import type { ReadRoute } from './schema/root.ts';
import { quote } from './units.ts';

/** Fields that no edit may touch: they frame a message or belong to one connection (RFC 9110 section 7.6.1, RFC 9112 section 6). */
const UNTOUCHABLE = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'max-forwards',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);

/** The edits of one direction; `request`: towards the upstream. */
export function resolveEdits(
  draft: Draft,
  read: ReadRoute['headers']['request'],
  path: string,
  request: boolean,
): FieldEdits {
  const set = Object.entries(read.set);
  const add = Object.entries(read.add);
  const remove = whole(read.remove);
  checkNames(draft, Object.keys(read.set), `${path}.set`, request);
  checkNames(draft, Object.keys(read.add), `${path}.add`, request);
  const gone = new Set(remove.map((name) => name.toLowerCase()));
  for (const [name, at] of items(read.remove, `${path}.remove`)) checkName(draft, name, at, request);
  for (const [name] of set) {
    if (!gone.has(name.toLowerCase())) continue;
    blameKey(
      draft,
      `${path}.set.${name}`,
      `${quote(name)} is both set and removed`,
      '`set` alone: it replaces',
    );
  }
  return { set, add, remove };
}

/** Refuses names that may not be edited, and a name that is there twice in different case. */
export function checkNames(draft: Draft, names: readonly string[], path: string, request: boolean): void {
  const seen = new Set<string>();
  for (const name of names) {
    checkName(draft, name, `${path}.${name}`, request);
    if (seen.has(name.toLowerCase())) {
      blameKey(
        draft,
        `${path}.${name}`,
        `the field ${quote(name)} is there twice`,
        'each field once, in any case',
      );
    }
    seen.add(name.toLowerCase());
  }
}

/** Refuses a name for what the app is told of a session: only `Limpet-` may be among Limpet's own, and nothing that means something else. */
export function checkPassedName(draft: Draft, name: string, at: string): void {
  const lower = name.toLowerCase();
  if (lower === 'limpet-session' || lower === 'limpet-affinity') {
    blameKey(draft, at, `${quote(name)} tells the app something else already`, 'Limpet-User');
  } else if (!lower.startsWith('limpet-')) {
    checkName(draft, name, at, true);
  }
}

function checkName(draft: Draft, name: string, at: string, request: boolean): void {
  const lower = name.toLowerCase();
  if (UNTOUCHABLE.has(lower)) {
    blameKey(
      draft,
      at,
      `${quote(name)} frames messages or belongs to one connection, and is Limpet's own to write`,
      'another field',
    );
  } else if (lower.startsWith('limpet-')) {
    blameKey(draft, at, 'fields that begin with `Limpet-` are what Limpet tells the app', 'another name');
  } else if (request && lower === 'host') {
    blameKey(draft, at, "`Host` is the pool's to say", "the pool's `host: keep`, `upstream` or a value");
  } else if (request && lower === 'cookie') {
    blameKey(draft, at, '`Cookie` is one field of many cookies, and affinity reads it', 'another field');
  }
}
