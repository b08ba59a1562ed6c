// What becomes of sessions whose store is away, out of the config as read; warns of what would never come to bear.
import type { SessionOptions } from '../session/options.ts';
import { type Draft, warn } from './draft.ts';
import type { ReadSession } from './schema/root.ts';

/** `stored`: the block's sessions are looked up in a store. */
export function resolveOutage(
  draft: Draft,
  read: ReadSession,
  stored: boolean,
  path: string,
): SessionOptions['outage'] {
  const { grace: graceMs, readyz } = read.outage;
  // A choice of the schema, which reads a bare 503 as a number or as a word.
  const unjudged = String(read.outage.then) === '503' ? '503' : 'forward';
  const at = `${path}.outage`;
  const isWritten = (key: string): boolean => draft.places.has(`${at}.${key}`);
  if (!stored) {
    if (draft.places.has(at))
      warn(draft, at, 'these sessions are kept in no store that could be away', 'leave it out');
    return { graceMs, unjudged, readyz };
  }
  if (isWritten('grace') && graceMs > 0) {
    if (read.cache === false)
      warn(draft, `${at}.grace`, 'without a cache no verdict is remembered that could stand', 'cache: {}');
    else if (graceMs <= read.cache.ttl)
      warn(
        draft,
        `${at}.grace`,
        'a verdict stands for its `cache.ttl` anyway, which is no shorter',
        'a longer one, or 0',
      );
  }
  if (unjudged === '503' && read.require === 'nothing')
    warn(draft, `${at}.then`, '`require: nothing` refuses nobody, so `503` does nothing', 'forward');
  return { graceMs, unjudged, readyz };
}
