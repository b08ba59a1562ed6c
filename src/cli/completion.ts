// `limpet completion`: what makes a shell complete commands, options, and the names that the running Limpet knows.
import { parseArgs } from 'node:util';
import type { AdminClient } from '../admin/client.ts';
import type { RevocationView } from '../admin/view.ts';
import { nearest } from '../config/nearest.ts';
import { ADMIN_OPTIONS, adminOf, telling, UsageError } from './admin-access.ts';
import type { CommandIo } from './command-io.ts';
import { bashScript, fishScript, zshScript } from './completion-scripts.ts';
import { growTree } from './completion-tree.ts';
import { routesOf } from './routes.ts';
import { labelOf, upstreamsOf } from './upstream-name.ts';

export const HELP = `limpet completion bash | zsh | fish

Prints what makes the shell complete commands and options and, by asking the running Limpet, upstreams, pools, routes and revocations.

  bash  in ~/.bashrc:                 eval "$(limpet completion bash)"
  zsh   in ~/.zshrc, after compinit:  eval "$(limpet completion zsh)"
  fish  in config.fish:               limpet completion fish | source

Exit code: 0 printed, 1 not.
`;

const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
/** Somebody has pressed a key and waits. */
const PATIENCE_MS = 1000;
const REVOCATIONS_MAX = 100;

const NAMES: Readonly<Record<string, (admin: AdminClient) => Promise<readonly string[]>>> = {
  upstream: async (admin) => (await upstreamsOf(admin)).map(labelOf),
  pool: async (admin) => [...new Set((await upstreamsOf(admin)).map(({ pool }) => pool))],
  route: async (admin) => (await routesOf(admin)).map(({ name }) => name),
  revocation: async (admin) => {
    const page = await admin.read(`/api/v1/revocations?limit=${REVOCATIONS_MAX}`);
    return (page as { revocations: readonly RevocationView[] }).revocations.map(({ id }) => id); // contract (src/admin/view.ts)
  },
};

/** Runs the command; 0 or 1, the exit code. */
export function run(argv: string[], io: CommandIo): Promise<number> {
  return telling('completion', io, async () => {
    const { values, positionals } = parseArgs({ args: argv, allowPositionals: true, options: ADMIN_OPTIONS });
    if (values.help) {
      io.stdout(HELP);
      return 0;
    }
    const [word = '', kind = ''] = positionals;
    // Asked by the scripts themselves.
    if (word === 'names' && Object.hasOwn(NAMES, kind)) {
      const names = await NAMES[kind]!(adminOf(values.admin, io, { patienceMs: PATIENCE_MS }));
      // A line break in a name would be two names.
      io.stdout(
        names
          .filter((name) => !/\p{Cc}/u.test(name))
          .map((name) => `${name}\n`)
          .join(''),
      );
      return 0;
    }
    if (!Object.hasOwn(SHELLS, word) || positionals.length > 1) {
      const likely = nearest(word, Object.keys(SHELLS));
      const what =
        word === '' ? 'the name of a shell is needed' : `there is no completion for ${JSON.stringify(word)}`;
      throw new UsageError(what, `limpet completion ${likely ?? Object.keys(SHELLS).join(' | ')}`);
    }
    const make = SHELLS[word as keyof typeof SHELLS]; // asked above
    io.stdout(make(await growTree(io.helpOf ?? (async () => ''))));
    return 0;
  });
}
