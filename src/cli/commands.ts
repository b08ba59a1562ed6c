// Every command and what it does; `limpet --help` and the shells' completion read it. Where each is, `main.ts` knows.
export interface CommandEntry {
  /** In a few words, for the list. */
  readonly does: string;
  /** Further words that it takes, and what each does. */
  readonly words?: Readonly<Record<string, WordEntry>>;
}

export interface WordEntry {
  readonly does: string;
  /** What follows, where the running Limpet can say what there is. */
  readonly takes?: 'upstream' | 'revocation' | 'route' | 'pool';
}

export const COMMANDS = {
  run: { does: 'runs the proxy' },
  check: {
    does: 'checks the config and says all that is wrong with it',
  },
  explain: { does: 'says what would become of a request' },
  status: {
    does: 'says how a running proxy fares, and what is wrong',
  },
  upstreams: {
    does: 'lists instances, drains them, takes them out and puts them back',
    words: {
      drain: { does: 'keeps its users and takes no new ones', takes: 'upstream' },
      enable: { does: 'puts it back', takes: 'upstream' },
      disable: { does: 'takes it out: nobody is sent there', takes: 'upstream' },
      weight: { does: 'gives it another share of new users', takes: 'upstream' },
    },
  },
  pools: {
    does: 'lists pools, and takes a whole one out or puts it back',
    words: {
      maintenance: { does: 'nobody is sent there, and its page is shown', takes: 'pool' },
      drain: { does: 'keeps its users and takes no new ones', takes: 'pool' },
      enable: { does: 'puts it back', takes: 'pool' },
    },
  },
  routes: {
    does: 'lists routes, and shares the users of a canary out',
    words: { split: { does: 'gives its pools other weights', takes: 'route' } },
  },
  sessions: {
    does: 'tells of sessions at the edge, ends them, and says which app loses them',
    words: {
      revoke: {
        does: 'ends sessions, tokens, or all that a user holds',
      },
      list: { does: 'what is revoked' },
      lift: {
        does: 'takes a revocation back',
        takes: 'revocation',
      },
      continuity: { does: 'which pools lose sessions' },
    },
  },
  top: { does: 'shows a running proxy, anew each second' },
  healthcheck: {
    does: 'asks the running proxy whether it lives, as a container does',
  },
  reload: { does: 'has the running proxy read its config anew' },
  schema: { does: "prints the config's JSON Schema" },
  demo: { does: 'shows three sample apps behind a proxy' },
  drill: { does: 'harms an instance under load and says who noticed' },
  completion: {
    does: 'prints what makes a shell complete commands',
    words: { bash: { does: 'for bash' }, zsh: { does: 'for zsh' }, fish: { does: 'for fish' } },
  },
} satisfies Readonly<Record<string, CommandEntry>>;
