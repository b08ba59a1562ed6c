// What the access log tells of each request, and how: one object, so that a reload can put another in its place.

/** Forms of a line. */
export const ACCESS_FORMS = ['json', 'logfmt', 'common', 'combined'] as const;
export type AccessForm = (typeof ACCESS_FORMS)[number];

/** A field of the request or the answer whose value is told. */
export interface CarriedField {
  readonly of: 'request' | 'response';
  /** Lower-case. */
  readonly name: string;
}

export interface AccessLogOptions {
  readonly form: AccessForm;
  /** Names in the order in which they are told; of the forms that have their own, those. */
  readonly fields: readonly string[];
  /** The fields of messages among them. */
  readonly carried: readonly CarriedField[];
  /** Where lines go; null: stdout. */
  readonly file: string | null;
  /** Share of requests that get a line, 0 … 1. Failures and slow ones always do. */
  readonly sample: number;
  /** Requests that took longer are told in the main log too, with where the time went, ms; 0: none. */
  readonly slowMs: number;
  /** Longest value of a field of a message, in characters; more is cut off. */
  readonly valueChars: number;
  /** Names of parameters of queries whose values are hidden beside those that Limpet knows, lower-case. */
  readonly hide: readonly string[];
  /** Tell the user in the forms that have a place for him. */
  readonly user: boolean;
}
