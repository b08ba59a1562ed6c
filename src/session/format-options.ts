// The words in which a format says what may be configured about it; the config's schema, its errors and the docs are made of them.

interface About {
  /** One sentence for the manual. */
  readonly about: string;
}

/** One key of a format. Every key may be left out. */
export type OptionSpec = About &
  (
    | { readonly kind: 'flag'; readonly default: boolean }
    | { readonly kind: 'choice'; readonly of: readonly string[]; readonly default: string }
    | { readonly kind: 'text'; readonly default: string | null }
    | { readonly kind: 'texts'; readonly default: readonly string[] }
    /** Never printed; null when left out. */
    | { readonly kind: 'secret' }
    | { readonly kind: 'secrets' }
    /** A duration in the config, seconds to the format; null: no bound, written `never`. */
    | { readonly kind: 'seconds'; readonly default: number | null }
    | { readonly kind: 'count'; readonly default: number; readonly min: number; readonly max: number }
    /** The path of a file or folder, relative to the config, made absolute; null when left out. */
    | { readonly kind: 'path' }
  );

export type OptionSpecs = { readonly [name: string]: OptionSpec };

type ValueOf<S extends OptionSpec> = S['kind'] extends 'flag'
  ? boolean
  : S extends { readonly kind: 'choice'; readonly of: readonly (infer V)[] }
    ? V
    : S extends { readonly kind: 'text'; readonly default: infer D }
      ? D extends string
        ? string
        : string | null
      : S['kind'] extends 'secret' | 'path'
        ? string | null
        : S['kind'] extends 'texts' | 'secrets'
          ? readonly string[]
          : S extends { readonly kind: 'seconds' }
            ? number | null
            : number;

/** What a format is given for its keys. */
export type OptionValues<S extends OptionSpecs> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** The values where nothing was configured. */
export function defaultOptions<S extends OptionSpecs>(specs: S): OptionValues<S> {
  const entries = Object.entries(specs).map(([name, spec]) => [
    name,
    'default' in spec ? spec.default : spec.kind === 'secrets' ? [] : null,
  ]);
  // The entries are those of `specs`, so the mapped type holds; Object.fromEntries cannot say it.
  return Object.fromEntries(entries) as OptionValues<S>;
}
