// A request to be explained, and the explanation, as the admin API takes and tells them.
import type { ExplainStep, Explanation } from '../../proxy/explanation.ts';
import type { FieldChanges } from '../../proxy/field-changes.ts';
import { body, choice, count, flag, list, orNull, part, shape, text } from '../schema.ts';

/** A request as it is typed. */
export interface AskedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

const LINE_CHARS_MAX = 8192;
const FIELDS_MAX = 100;

export const QUESTION = body<AskedRequest>(
  'A request, as a client on the machine of Limpet would send it.',
  {
    method: text('`GET` …', { minLength: 1, maxLength: 32 }),
    url: text('Absolute, or a path.', { minLength: 1, maxLength: LINE_CHARS_MAX }),
    headers: {
      type: 'object',
      maxProperties: FIELDS_MAX,
      description: 'Its fields by name: a text each, or a list where a field comes several times.',
      additionalProperties: {
        type: ['string', 'array'],
        items: { type: 'string', maxLength: LINE_CHARS_MAX },
        maxLength: LINE_CHARS_MAX,
        maxItems: FIELDS_MAX,
      },
    },
  },
  { required: ['method', 'url'] },
);

const NAMES = { type: 'string' };

export const EXPLANATION = shape<Explanation>(
  'Explanation',
  'What would become of the request. Holds no secret, no cookie, and of the fields only names and the addresses of host and client.',
  {
    ok: flag("It would be forwarded, or answered by a route's redirect or fixed text."),
    status: orNull(count('That Limpet itself would answer; null when the request goes to an upstream.')),
    code: orNull(text('Of the fault.')),
    listener: text('That it comes through.'),
    route: orNull(text('That takes it.')),
    nextBest: orNull(text('The route that would take it if there were not `route`.')),
    session: orNull(
      part<NonNullable<Explanation['session']>>('What the check of the session came to.', {
        name: text('Of the block that decided.'),
        verdict: choice('', ['valid', 'anonymous', 'invalid', 'unknown']),
        reason: text('A code.'),
        passed: flag(''),
      }),
    ),
    pool: orNull(text('')),
    target: orNull(text('That the upstream would see.')),
    fields: orNull(
      part<FieldChanges>('Names of fields.', {
        removed: list(NAMES, 'The upstream does not get them.'),
        replaced: list(NAMES, 'The upstream gets others in their place.'),
        added: list(NAMES, 'Nobody sent them, the upstream gets them.'),
      }),
    ),
    affinity: orNull(text("What becomes of the user's home: `new`, `kept`, `moved`, `forged`, `lost` …")),
    candidates: list(NAMES, 'Upstreams that may take a new user now.'),
    choice: orNull(text('The one that would be asked, where that is certain.')),
    timeouts: orNull({
      type: 'object',
      description: 'In milliseconds; 0: none.',
      additionalProperties: { type: 'number' },
    }),
    retries: orNull(count('Tries after the first, where a retry is safe.')),
    steps: list(
      part<ExplainStep>('', { step: text('What it is about.'), text: text('In words.') }),
      'The decision, step by step.',
    ),
  },
);
