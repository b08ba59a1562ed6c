// What each kind of scalar is to an editor (JSON Schema) and to a reader of the manual (words).
import { formatDuration, formatPercent, formatSize } from '../units.ts';
import type { Leaf, Meta } from './meta.ts';

const SCALAR = { type: ['string', 'number'] };

/** JSON Schema of each kind of scalar: as strict as an editor needs; the reader is stricter. */
export const LEAF_JSON: { readonly [K in Leaf]: Readonly<Record<string, unknown>> } = {
  text: { type: 'string' },
  flag: { type: 'boolean' },
  number: { type: 'number' },
  count: { type: ['string', 'integer'], pattern: '^(\\d+\\s*[kKM]?|.*\\$\\{.*)$' },
  duration: {
    type: ['string', 'number'],
    pattern: '^(\\d+(\\.\\d+)?\\s*(ms|s|m|h|d)|0|[a-z]+|.*\\$\\{.*)$',
    maximum: 0,
  },
  size: {
    type: ['string', 'number'],
    pattern: '^(\\d+(\\.\\d+)?\\s*([KMGT]i?B|kB|B)|0|[a-z]+|.*\\$\\{.*)$',
    maximum: 0,
  },
  rate: {
    type: ['string', 'number'],
    pattern: '^(\\d+(\\.\\d+)?\\s*([KMGT]i?B|kB|B)\\s*/\\s*s|0|[a-z]+|.*\\$\\{.*)$',
    maximum: 0,
  },
  pace: { type: 'string', pattern: '^(\\d+\\s*[kKM]?\\s*/\\s*[smhd]|.*\\$\\{.*)$' },
  percent: { type: ['string', 'number'], pattern: '^(\\d+(\\.\\d+)?\\s*%|0|.*\\$\\{.*)$', maximum: 0 },
  statuses: {
    type: ['string', 'integer'],
    pattern: '^([1-5][xX]{2}|\\d{3}(\\s*-\\s*\\d{3})?|.*\\$\\{.*)$',
    minimum: 100,
    maximum: 599,
  },
  bind: SCALAR,
  address: { type: 'string' },
  host: { type: 'string' },
  authority: { type: 'string' },
  hashOn: { type: 'string' },
  routePath: { type: 'string' },
  path: { type: 'string' },
  pathAndQuery: { type: 'string' },
  network: { type: 'string' },
  method: { type: 'string' },
  cookieName: { type: 'string' },
  cookiePath: { type: 'string' },
  cookieDomain: { type: 'string' },
  fieldName: { type: 'string' },
  fieldValue: { type: ['string', 'number', 'boolean'] },
  redirect: { type: 'string' },
  token: { type: 'string' },
  name: { type: 'string' },
  errorStatus: { type: 'string' },
};

const TAKES: { readonly [K in Leaf]: string } = {
  text: 'a text',
  flag: '`true` or `false`',
  number: 'a number',
  count: 'a whole number',
  duration: 'a duration',
  size: 'a size',
  rate: 'a rate',
  pace: 'so many requests in so long: `100/s`, `600/m`, `10/h`',
  percent: 'a share',
  statuses: 'a status, a range `200-399` or a class `5xx`',
  bind: '`8080`, `host:port`, `[::1]:80` or `unix:/path`',
  address: '`http://host:port`, `https://host:port` or `unix:/path`',
  host: 'a host name or `*.example.com`',
  authority: '`host` or `host:port`',
  hashOn: '`address`, `path`, `header NAME`, `cookie NAME` or `query NAME`',
  routePath: '`/path` (a prefix by segments) or `= /path` (that path alone)',
  path: 'a path that begins with `/`',
  pathAndQuery: 'a path that begins with `/`, and may have a query',
  network: 'an address or a CIDR block',
  method: 'a method',
  cookieName: 'a cookie name',
  cookiePath: 'a path',
  cookieDomain: 'a domain',
  fieldName: 'a field name',
  fieldValue: 'a field value',
  redirect: 'an address with `{path}`, `{query}` and `{host}` to fill in',
  token: 'a word',
  name: 'a name of letters, digits and `-_.:/`',
  errorStatus: 'a status or a class `5xx`',
};

/** The words for a kind with its bounds: `a duration, 1ms to 1h`. */
export function leafTakes(kind: Leaf, bounds: Pick<Meta, 'min' | 'max' | 'words'>): string {
  const { min, max, words = {} } = bounds;
  const what = TAKES[kind];
  const format = formatOf(kind);
  const range =
    min === undefined
      ? ''
      : max === undefined
        ? `, at least ${format(min)}`
        : `, ${format(min)} to ${format(max)}`;
  const others = Object.keys(words).map((word) => `, or \`${word}\``);
  return `${what}${range}${others.join('')}`;
}

function formatOf(kind: Leaf): (value: number) => string {
  if (kind === 'duration') return formatDuration;
  if (kind === 'size') return formatSize;
  if (kind === 'rate') return (bytes) => `${formatSize(bytes)}/s`;
  if (kind === 'percent') return formatPercent;
  return String;
}
