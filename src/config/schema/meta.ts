// What the reader and the manual know of a key beyond JSON Schema, and the kinds of values there are.
import type { TSchema } from 'typebox';
import type { HashOn } from '../../balance/options.ts';
import type { StatusRange } from '../../health/options.ts';
import type { HostPattern, RoutePath, UpstreamAddress } from '../addresses.ts';
import type { Bind, ErrorPage } from '../config.ts';
import type { RequestPace, Wrong } from '../units.ts';

/** What a kind of scalar is read to. `leaves.ts` holds one reader for each. */
export interface LeafValues {
  text: string;
  flag: boolean;
  number: number;
  count: number;
  duration: number;
  size: number;
  rate: number;
  pace: RequestPace;
  percent: number;
  statuses: StatusRange;
  bind: Bind;
  address: UpstreamAddress;
  host: HostPattern;
  authority: string;
  hashOn: HashOn;
  routePath: RoutePath;
  path: string;
  pathAndQuery: string;
  network: string;
  method: string;
  cookieName: string;
  cookiePath: string;
  cookieDomain: string;
  fieldName: string;
  fieldValue: string;
  redirect: string;
  token: string;
  name: string;
  errorStatus: string;
}

export type Leaf = keyof LeafValues;

/** What a node that is more than a scalar is read to by its own reader. */
export interface SpecialValues {
  secret: string;
  pem: string;
  page: ErrorPage;
  addressFile: string;
}

export type Special = keyof SpecialValues;

/** What the reader and the manual need beyond JSON Schema. It stands in the schema under `x-limpet`. */
export interface Meta {
  readonly kind: Leaf | Special | 'choice' | 'list' | 'map' | 'block' | 'either' | 'off';
  /** What a reader is told that the key takes. */
  readonly takes: string;
  readonly meaning: string;
  /** Bounds, in the unit of the value read. */
  readonly min?: number;
  readonly max?: number;
  /** Words that stand for a number; `false` is read as `off`, and so is 0 where `off` is 0. */
  readonly words?: Readonly<Record<string, number>>;
  /** Words of a choice that deserve their own answer. */
  readonly refused?: Readonly<Record<string, Wrong>>;
  /** A list of which one item may be written alone. */
  readonly single?: boolean;
  readonly required?: boolean;
  /** The default that holds where nothing is written on any level, for keys that are inherited. */
  readonly inherited?: unknown;
  /** Kind of a map's keys. */
  readonly keys?: Leaf;
}

export interface KeySchema extends TSchema {
  readonly 'x-limpet': Meta;
  readonly description?: string;
  readonly type?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, KeySchema>>;
  readonly additionalProperties?: KeySchema | false;
  readonly items?: KeySchema;
  readonly anyOf?: readonly KeySchema[];
  readonly enum?: readonly string[];
}
