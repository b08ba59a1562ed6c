// Runs a command in place, and keeps what it tells.
import { tmpdir } from 'node:os';
import type { Command, CommandIo } from '../../src/cli/command-io.ts';

export interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command's exit code and all that it wrote. `more`: of the io that the test wants otherwise. */
export async function tell(
  command: Pick<Command, 'run'>,
  args: readonly string[],
  more: Partial<CommandIo> = {},
): Promise<Told> {
  let stdout = '';
  let stderr = '';
  const code = await command.run([...args], {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    env: {},
    cwd: tmpdir(),
    ...more,
  });
  return { code, stdout, stderr };
}
