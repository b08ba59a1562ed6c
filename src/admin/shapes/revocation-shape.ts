// Revocations as the admin API takes and tells them.
import { body, choice, flag, list, orNull, part, ref, type Schema, shape, text, time } from '../schema.ts';
import type { RevocationView } from '../view.ts';

/** As long as a credential that formats look at. */
const NAME_CHARS_MAX = 8192;
const USER_CHARS_MAX = 1024;
const REASON_CHARS_MAX = 200;
export const PAGE_MAX = 1000;
export const PAGE = 100;

/** What a `POST` may say. */
export interface RevocationOrder {
  readonly session?: string;
  readonly token?: string;
  readonly user?: string | number;
  readonly block?: boolean;
  readonly before?: string;
  readonly reason?: string;
  readonly ttl?: string;
}

/** What is told of a new one besides itself. */
export interface RevocationTold {
  readonly renewed: boolean;
  readonly shared: boolean;
  readonly understood: readonly string[];
  readonly note: string;
}

const FIELDS: { readonly [Field in keyof RevocationView]-?: Schema } = {
  id: text('What it is lifted by.'),
  kind: choice('What it ends.', ['session', 'token', 'user', 'before']),
  user: orNull(text('Whose; null: it is about no user.')),
  block: flag('The user is kept out.'),
  before: orNull(time('What was issued before is ended; null: this is not about times.')),
  at: time('When it was ordered.'),
  until: time('When it runs out.'),
  by: text('Name of the admin token that ordered it.'),
  reason: text('As it was given.'),
};

export const REVOCATION = shape<RevocationView>(
  'Revocation',
  'What ended. What names a session or a token is not told: it would be a key to it.',
  FIELDS,
);

export const REVOKED = shape<RevocationView & RevocationTold>(
  'Revoked',
  'A revocation that was just ordered.',
  {
    ...FIELDS,
    renewed: flag('It was there before, and holds anew.'),
    shared: flag('All replicas have it, or there are none.'),
    understood: list({ type: 'string' }, 'How a token was understood.'),
    note: text('What to know about it.'),
  },
);

export const REVOCATION_PAGE = part<{ revocations: unknown; next: unknown }>('', {
  revocations: list(ref(REVOCATION), 'The one that lasts longest first.'),
  next: orNull(text('What to give as `after` for the next page; null: this is the last.')),
});

const NAME: Schema = { type: 'string', minLength: 1, maxLength: NAME_CHARS_MAX };

export const ORDER = body<RevocationOrder>(
  'What to end: one of `session`, `token`, `user`, or `before` with or without `user`.',
  {
    session: { ...NAME, description: 'The id of a session, as its cookie or its store names it.' },
    token: { ...NAME, description: 'A token or a whole cookie.' },
    user: {
      type: ['string', 'integer'],
      minLength: 1,
      maxLength: USER_CHARS_MAX,
      description: 'All that this user holds.',
    },
    block: flag('With `user`: the user is kept out until this is lifted or runs out.'),
    before: text('What was issued before this time, RFC 3339.', { maxLength: 40 }),
    reason: text('One line, for the log and the list.', { maxLength: REASON_CHARS_MAX }),
    ttl: text('How long it holds, such as `30d`; default: `revocation.ttl`.', { maxLength: 20 }),
  },
);

export const LIST_QUERY = body<{ limit: string; after: string }>('', {
  limit: text(`How many at most: 1 to ${PAGE_MAX}; default ${PAGE}.`),
  after: text('What the page before gave as `next`.'),
});

export const LIFT_PARAMS = part<{ id: string }>('', { id: text('Of the revocation.') });
