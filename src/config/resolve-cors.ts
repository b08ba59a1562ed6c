// Turns what a route says of other origins into its options, and refuses what browsers would, or nobody should.
import type { CorsOptions } from './config.ts';
import { blame, type Draft, items, whole } from './draft.ts';
import type { ReadRoute } from './schema/root.ts';
import { quote } from './units.ts';

/** The options, or null where nothing is said. */
export function resolveCors(draft: Draft, read: ReadRoute, path: string): CorsOptions | null {
  const { cors } = read;
  if (cors === false || cors === undefined || cors.origins === undefined) return null;
  const at = `${path}.cors`;
  for (const [origin, item] of items(cors.origins, `${at}.origins`)) {
    checkOrigin(draft, origin, draft.places.has(item) ? item : `${at}.origins`, cors.credentials);
  }
  return {
    origins: whole(cors.origins),
    credentials: cors.credentials,
    methods: cors.methods === undefined ? null : whole(cors.methods),
    headers: cors.headers === undefined ? null : whole(cors.headers),
    exposeHeaders: whole(cors.exposeHeaders),
    maxAgeS: Math.floor(cors.maxAge / 1000),
  };
}

function checkOrigin(draft: Draft, origin: string, at: string, credentials: boolean): void {
  if (origin === '*') {
    // Every site could act as the user who visits it (Fetch standard, 3.3.5).
    if (credentials)
      blame(
        draft,
        at,
        '`*` with `credentials` would let every site act as its visitors',
        'https://app.example.com',
      );
    return;
  }
  if (origin === 'null') {
    blame(
      draft,
      at,
      '`null` is the origin of files and of sandboxed pages of anybody',
      'https://app.example.com',
    );
    return;
  }
  const right = 'https://app.example.com, https://*.example.com or http://localhost:*';
  const name = '[a-z0-9-]+(?:\\.[a-z0-9-]+)*';
  const shape = new RegExp(
    `^[a-z][a-z0-9+.-]*://(?:(?:\\*\\.)?${name}|\\[[0-9a-f:.]+\\])(?::(?:\\d{1,5}|\\*))?$`,
  );
  if (!shape.test(origin) || origin.split('*').length > 2) {
    blame(
      draft,
      at,
      `${quote(origin)} is not an origin: scheme, host and port, in lower case, without a path`,
      right,
    );
  } else if (/^https?:\/\/\*\.[^.]+$/.test(origin)) {
    blame(draft, at, `${quote(origin)} lets in every site below a top-level domain`, right);
  } else if (/^http:.*:80$|^https:.*:443$/.test(origin)) {
    blame(draft, at, `browsers leave the usual port out of ${quote(origin)}`, origin.replace(/:\d+$/, ''));
  }
}
