// Where revocations are kept, out of all session blocks: there is one switch, so they must say the same of it.
import type { RevocationOptions } from '../session/revocation/options.ts';
import { blame, type Draft } from './draft.ts';
import { writtenSessions } from './resolve-session.ts';
import { readStoreTls, readStoreUrl } from './resolve-session-store.ts';
import type { ReadSession } from './schema/root.ts';
import { revocation } from './schema/session.ts';

type Written = NonNullable<ReadSession['revocation']>;

/** Null: no session is checked, so that there is nothing to revoke. */
export function resolveRevocation(draft: Draft): RevocationOptions | null {
  const blocks = writtenSessions(draft);
  if (blocks.length === 0) return null;
  let first: { readonly options: RevocationOptions; readonly path: string } | null = null;
  for (const [, { revocation: written }, block] of blocks) {
    if (written === undefined) continue;
    const path = `${block}.revocation`;
    const options = readOne(draft, written, path);
    if (first === null) first = { options, path };
    else if (JSON.stringify(options) !== JSON.stringify(first.options)) {
      const why = `one switch ends sessions of every block, and \`${first.path}\` says something else of it`;
      blame(draft, path, why, 'the same in each, or in one of them only');
    }
  }
  return first?.options ?? optionsOf(draft.reader.defaultsWithin(revocation), null);
}

function readOne(draft: Draft, written: Written, path: string): RevocationOptions {
  const long = typeof written === 'string' ? draft.reader.defaultsWithin(revocation) : written;
  const url = (typeof written === 'string' ? written : written.url) ?? null;
  if (url !== null) {
    const at = draft.places.has(`${path}.url`) ? `${path}.url` : path;
    readStoreUrl(draft, url, ['redis'], 'revocations are', long.tls !== undefined, at);
  } else if (long.tls !== undefined) {
    blame(
      draft,
      `${path}.tls`,
      'without a `url` there is nothing to reach by TLS',
      'url: rediss://host:6379/0',
    );
  }
  return optionsOf(long, url);
}

function optionsOf(read: Exclude<Written, string>, url: string | null): RevocationOptions {
  const { tls, prefix, ttl, entries } = read;
  return { url, tls: readStoreTls(tls), prefix, ttlMs: ttl, entries };
}
