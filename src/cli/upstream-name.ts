// POOL/NAME on a command line: which upstream is meant.
import type { AdminClient } from '../admin/client.ts';
import type { UpstreamView } from '../admin/view.ts';
import { nearest } from '../config/nearest.ts';
import { likelyOf, UsageError } from './admin-access.ts';
import { shown } from './table.ts';

/** Every upstream, as the API tells it. */
export async function upstreamsOf(admin: AdminClient): Promise<readonly UpstreamView[]> {
  const list = await admin.read('/api/v1/upstreams');
  if (!Array.isArray(list)) throw admin.stranger();
  return list as UpstreamView[]; // the fields are contract (src/admin/view.ts)
}

/** The path of an upstream's calls; names are percent-encoded. */
export function pathOf({ pool, name }: Pick<UpstreamView, 'pool' | 'name'>): string {
  return `/api/v1/upstreams/${encodeURIComponent(pool)}/${encodeURIComponent(name)}`;
}

/**
 * The one that is meant: POOL/NAME, where the name may hold slashes of its own (a socket's path), or the name alone where only one
 * pool has it. Throws a UsageError that says which there are.
 */
export function findUpstream(written: string, all: readonly UpstreamView[]): UpstreamView {
  const whole = all.find((one) => labelOf(one) === written);
  if (whole !== undefined) return whole;
  const named = all.filter(({ name }) => name === written);
  if (named.length === 1) return named[0]!;
  const labels = all.map(labelOf);
  if (named.length > 1) {
    const pools = named.map(labelOf).map(shown).join(' or ');
    throw new UsageError(`several pools have an upstream ${JSON.stringify(written)}`, pools);
  }
  const likely = nearest(
    written,
    all.map(({ name }) => name),
  );
  throw new UsageError(
    `there is no upstream ${JSON.stringify(written)}`,
    likely === null ? likelyOf(written, labels) : shown(likely),
  );
}

export function labelOf({ pool, name }: Pick<UpstreamView, 'pool' | 'name'>): string {
  return `${pool}/${name}`;
}
