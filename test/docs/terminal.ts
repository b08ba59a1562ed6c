// A reader at a terminal: one shell from the first command of a page to the last, in a scratch folder, with `limpet` on the path.
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child, type Owner } from '../kit/child.ts';
import { pinnedNode } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';
import type { ShownCommands } from './page.ts';
import { isAsShown } from './printed.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Of the repository, what a build needs. */
const CHECKOUT = ['src', 'build', 'config', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];

/** The ports that every page uses, in their order; a test gives each a free one in its place. */
const SHOWN_PORTS: readonly string[] = ['3001', '3002', '3003', '8080', '8443', '9090', '9091'];
const SHOWN_PORT = new RegExp(`\\b(?:${SHOWN_PORTS.join('|')})\\b`, 'g');

/** How long a step may take to come true on a machine that has no time. */
const PATIENCE_MS = 90_000;
const LOOK_EVERY_MS = 25;

/**
 * What the shell does: a step at a time, with the name of every command that failed, and what each printed in a file of its own. It
 * knows nothing of the npm and the tap that the tests run under.
 */
const DRIVER = `unset LIMPET_SECRET NODE_OPTIONS INIT_CWD \${!npm_*} \${!TAP_*}
export npm_config_prefix=$NPM_PREFIX npm_config_offline=true npm_config_update_notifier=false
trap 'printf "%s\\n" "$BASH_COMMAND" >>"$step.failed"' ERR
while read -r step; do
  . "$step.sh" >"$step.out" 2>&1 </dev/null
  echo "ended: $step"
done
`;

/** Told by a shell that nobody sits at, where a terminal says it in other words: that a job was killed. */
const JOB_NOTE = /^.*: line \d+: +\d+ (?:Killed|Terminated).*\n/gm;

/** What was wrong with a step: null if nothing. */
export type Complaint = string | null;

export class Terminal {
  readonly folder: string;
  readonly #steps: string;
  readonly #ports: ReadonlyMap<string, string>;
  readonly #shell: Child;
  #count = 0;

  private constructor(folder: string, ports: ReadonlyMap<string, string>, checkout: boolean, owner: Owner) {
    this.folder = folder;
    this.#ports = ports;
    const scratch = dirname(folder);
    this.#steps = join(scratch, 'steps');
    mkdirSync(this.#steps);
    const shims = makeShims(scratch, checkout, ports.get('9090') ?? '9090');
    writeFileSync(join(this.#steps, 'driver'), DRIVER);
    const npm = join(scratch, 'npm');
    const path = [join(npm, 'bin'), dirname(pinnedNode), process.env.PATH].join(delimiter);
    this.#shell = new Child('bash', [join(this.#steps, 'driver')], {
      owner,
      group: true,
      reads: true,
      cwd: folder,
      env: {
        PATH: `${shims}${delimiter}${path}`,
        PATH_WITHOUT_SHIMS: path,
        HOME: folder,
        NPM_PREFIX: npm,
      },
    });
  }

  /**
   * Opens one. `folder` is empty or does not exist, and its parent is the test's own. `checkout`: it is filled with what `npm ci` leaves in
   * the repository, and there is no `limpet` but the one that is built there.
   */
  static async open(folder: string, checkout: boolean, owner: Owner): Promise<Terminal> {
    mkdirSync(folder, { recursive: true });
    if (checkout)
      for (const name of CHECKOUT) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    // In the same order as those that are shown: what is sorted by port is sorted alike.
    const free: number[] = [];
    while (free.length < SHOWN_PORTS.length) free.push(await freePort());
    free.sort((a, b) => a - b);
    const ports = new Map(SHOWN_PORTS.map((shown, i) => [shown, String(free[i])]));
    return new Terminal(folder, ports, checkout, owner);
  }

  /**
   * Writes a file as the page shows it. A config that leaves its admin side where it is by default is told the free port for it, and one
   * that listens on every interface is kept to this machine.
   */
  write(name: string, text: string): void {
    const file = join(this.folder, name);
    writeFileSync(file, this.#real(text.replace(/^listen: (\d+)$/m, 'listen: 127.0.0.1:$1')));
    if (name.endsWith('.yaml') && !/^admin:/m.test(text))
      appendFileSync(file, this.#real('\nadmin: { bind: 127.0.0.1:9090 }\n'));
  }

  /** Types the commands, and waits until they have ended and what they started in the background has printed what the page says. */
  async type(commands: ShownCommands): Promise<Complaint> {
    const endsAt = Date.now() + PATIENCE_MS;
    for (;;) {
      const step = join(this.#steps, String(++this.#count));
      writeFileSync(`${step}.sh`, this.#real(inBackground(commands.text)));
      this.#shell.type(step);
      await this.#shell.wrote(new RegExp(`^ended: ${step}$`, 'm'), PATIENCE_MS);
      const complaint = await this.#judge(step, commands, endsAt);
      if (complaint === null || !commands.again || Date.now() > endsAt) return complaint;
      await pause();
    }
  }

  /** Ends it, and whatever was left running in it. */
  close(): Promise<void> {
    return this.#shell.kill();
  }

  async #judge(step: string, commands: ShownCommands, endsAt: number): Promise<Complaint> {
    const failed = existsSync(`${step}.failed`) ? readFileSync(`${step}.failed`, 'utf8') : '';
    const background = startsServers(commands.text);
    for (;;) {
      const printed = this.#shown(readFileSync(`${step}.out`, 'utf8'));
      const as = commands.prints === null || isAsShown(commands.prints, printed, background > 1);
      const ready = !startsLimpet(commands.text) || printed.includes('limpet: listening on ');
      if (as && ready && failed === '') return null;
      if (failed !== '' || background === 0 || Date.now() > endsAt) {
        const why = failed === '' ? '' : `these failed:\n${this.#shown(failed)}`;
        return `${why}printed:\n${printed}`;
      }
      await pause();
    }
  }

  #real(text: string): string {
    return text.replace(SHOWN_PORT, (port) => this.#ports.get(port) ?? port);
  }

  #shown(text: string): string {
    let shown = text.replace(JOB_NOTE, '');
    for (const [port, real] of this.#ports) shown = shown.replaceAll(real, port);
    return shown;
  }
}

/** `limpet` is the program under test; `npm ci` is what the tests themselves begin with, and would take their modules away. */
function makeShims(folder: string, checkout: boolean, adminPort: string): string {
  const shims = join(folder, 'shims');
  mkdirSync(shims);
  const shim = (name: string, text: string): void =>
    writeFileSync(join(shims, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  // Commands that ask the admin side find it where it is by default, which is a free port here, as `write` tells the configs.
  const asking = 'sessions|status|upstreams|pools|routes|reload|top';
  const asks = `case "$1" in ${asking}) set -- "$@" --admin http://127.0.0.1:${adminPort} ;; esac`;
  if (!checkout) shim('limpet', `${asks}\nexec "${pinnedNode}" "${join(ROOT, 'src/main.ts')}" "$@"`);
  shim('npm', '[ "$1" = ci ] && exit 0\nexport PATH="$PATH_WITHOUT_SHIMS"\nexec npm "$@"');
  return shims;
}

/** Limpet that is run in the foreground has a terminal of its own. */
function inBackground(text: string): string {
  return text.replace(/^((?:npx )?limpet run\b[^&#\n]*)(#.*)?$/gm, '$1 &');
}

function startsLimpet(text: string): boolean {
  return /^(?:npx )?limpet run\b/m.test(text);
}

/** How many programs the commands leave running. */
function startsServers(text: string): number {
  return (inBackground(text).match(/(?<![&>])&(?=\s)/g) ?? []).length;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
}
