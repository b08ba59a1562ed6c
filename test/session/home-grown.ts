// Genuine sessions of the kinds that no framework writes, in the form of the vectors.
import { createHmac } from 'node:crypto';
import type { CredentialSource } from '../../src/session/format.ts';
import type { Query, StoredCell } from '../../src/session/store.ts';
import type { Configured } from '../vectors/judge.ts';
import { type Answer, type OwnFile, written } from '../vectors/own-form.ts';

const SECRET = 'the secret of sessions that are grown at home';
const SESSION = '{"user":42,"roles":["editor"],"since":1700000000}';
const ID = 'Ln7Vb0nJ5xq2w9TzY4Kc';

const showing = (cookies: string, authorization: string | null = null): CredentialSource => ({
  cookies,
  authorization,
  userAgent: null,
  clientAddress: '192.0.2.1',
});

function answer(query: Query, bytes: string, cells: readonly (readonly [string, StoredCell])[] = []): Answer {
  const value = { bytes: Buffer.from(bytes), cells: new Map(cells), flags: 0, mtimeS: null, endsAtS: null };
  return { query, value: written(value) };
}

function fileOf(
  configured: Configured,
  request: CredentialSource,
  answers: readonly Answer[],
  user: unknown,
): OwnFile {
  const what = 'who is logged in';
  const one = { what, configured, request, atS: 1_800_000_000, answers, verdict: 'valid', user };
  return { verify: configured.verify, cases: [one] };
}

const signed = (value: string, content: string, user: unknown): OwnFile =>
  fileOf(
    { verify: 'signed-cookie', cookie: 'app', secrets: [SECRET], user: ['user'], options: { content } },
    showing(`theme=dark; app=${value}.${createHmac('sha256', SECRET).update(value).digest('base64url')}`),
    [],
    user,
  );

/** By name. */
export const HOME_GROWN: readonly (readonly [string, OwnFile])[] = [
  ['signed-cookie of JSON', signed(Buffer.from(SESSION).toString('base64url'), 'base64-json', 42)],
  ['signed-cookie of a user', signed('ada', 'user', 'ada')],
  [
    'opaque in Redis',
    fileOf(
      { verify: 'opaque', cookie: 'sid', user: ['user'], store: 'redis', prefix: 'sess:' },
      showing(`sid=${ID}`),
      [answer({ kind: 'value', key: `sess:${ID}` }, SESSION)],
      42,
    ),
  ],
  [
    'opaque as a bearer token, in a table',
    fileOf(
      {
        verify: 'opaque',
        cookie: 'sid',
        user: ['user'],
        store: 'postgres',
        options: { bearer: true, expiresColumn: 'ends' },
      },
      showing('', `Bearer ${ID}`),
      [
        answer({ kind: 'row', table: 'sessions', keyColumn: 'id', key: ID, columns: ['data', 'ends'] }, '', [
          ['data', SESSION],
          ['ends', 1_900_000_000],
        ]),
      ],
      42,
    ),
  ],
  [
    'http, a session service',
    fileOf(
      { verify: 'http', cookie: 'sid', user: ['user'], store: 'http' },
      showing(`theme=dark; sid=${ID}`),
      [
        answer({ kind: 'ask', key: `sid=${ID}\n`, fields: { cookie: `sid=${ID}` }, wanted: [] }, SESSION, [
          ['status', 200],
        ]),
      ],
      42,
    ),
  ],
];
