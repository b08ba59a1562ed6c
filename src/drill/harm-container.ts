// Kills, stops, restarts or reloads a container, by Docker or Podman, whichever this machine has.
import { DrillError } from './drill-error.ts';
import { runProgram } from './harm-command.ts';
import type { Harm } from './harm-shape.ts';
import type { EventKind } from './scenario-keys.ts';

const ENGINES = ['docker', 'podman'];

/** Words of both programs for what an event does and how it is undone; docker-kill(1), docker-pause(1) and their like. */
const WORDS: Readonly<
  Record<string, { readonly begin: readonly string[]; readonly end: readonly string[] | null }>
> = {
  kill: { begin: ['kill'], end: ['start'] },
  hang: { begin: ['pause'], end: ['unpause'] },
  restart: { begin: ['restart'], end: null },
  reload: { begin: ['kill', '--signal', 'HUP'], end: null },
};

/** `kind` is kill, hang, restart or reload. What was killed is started again when the event is undone. */
export function harmContainer(kind: EventKind, name: string, env: NodeJS.ProcessEnv): Harm {
  const words = WORDS[kind]!; // no other kind is done to a container: victim.ts says so
  let engine = '';
  let begun = false;
  const run = async (args: readonly string[]): Promise<void> => {
    const { code, said } = await runProgram([engine, ...args, name], env);
    if (code !== 0)
      throw new DrillError(`\`${engine} ${args.join(' ')} ${name}\` ended with ${code}: ${said}`);
  };
  return {
    instance: null,
    async check() {
      const refusals: string[] = [];
      for (const candidate of ENGINES) {
        const { code, said, stdout } = await runProgram(
          [candidate, 'inspect', '--type', 'container', '--format', '{{.State.Running}}', name],
          env,
        );
        if (code === 'ENOENT') continue;
        if (code === 0 && stdout === 'true') {
          engine = candidate;
          return;
        }
        refusals.push(code === 0 ? `${candidate}: ${name} is not running` : `${candidate}: ${said}`);
      }
      if (refusals.length === 0)
        throw new DrillError('neither docker nor podman is on the PATH', 'pid:N or run:COMMAND');
      throw new DrillError(
        `the container ${name} cannot be harmed: ${refusals.join('; ')}`,
        'a running container',
      );
    },
    async begin() {
      begun = true;
      await run(words.begin);
    },
    async end() {
      if (!begun || words.end === null) return '';
      begun = false;
      await run(words.end);
      return `${engine} ${words.end.join(' ')} ${name}`;
    },
    // A program takes a moment that a process which is about to go does not have.
    endNow: () => {},
  };
}
