// Follows a Dockerfile's steps one by one in a scratch folder, since not every machine has an engine.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { pinnedNode } from '../kit/limpet.ts';

export interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** What came of the last stage: its files, and how it says it runs. */
export interface Image {
  /** The folder that stands for `/`. It holds what the steps made; of the base there is nothing. */
  readonly root: string;
  readonly bases: readonly string[];
  readonly workdir: string;
  readonly user: string;
  readonly entry: readonly string[];
  readonly command: readonly string[];
  readonly health: readonly string[];
  readonly stop: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

export interface BuildOptions {
  /** The folder that is sent to the engine, with its `.dockerignore`. */
  readonly context: string;
  /** Stages become folders below it. */
  readonly scratch: string;
  /** `--build-arg`. */
  readonly args?: Readonly<Record<string, string>>;
}

/** The instructions in order, comments and line ends that a backslash joins taken out. */
export function parseDockerfile(text: string): Instruction[] {
  return text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const space = line.indexOf(' ');
      return { name: line.slice(0, space), rest: line.slice(space + 1).trim() };
    });
}

/** A pattern of `.dockerignore` as Docker reads it: `*` and `?` stay within a folder, `**` does not. */
function expression(pattern: string): RegExp {
  const source = pattern
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((part) => {
      if (part === '**/') return '(?:.*/)?';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      return part === '?' ? '[^/]' : part.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${source}$`);
}

/** Says which files of a context reach the engine: the last pattern that matches a path or a folder above it decides. */
export function dockerignore(text: string): (path: string) => boolean {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({
      sends: line.startsWith('!'),
      matches: expression(line.replace(/^!/, '').replace(/^\/|\/$/g, '')),
    }));
  return (path) => {
    const parts = path.split('/');
    const above = parts.map((_, i) => parts.slice(0, i + 1).join('/'));
    return rules.findLast(({ matches }) => above.some((one) => matches.test(one)))?.sends ?? true;
  };
}

/** Takes every step. A stage whose steps, arguments and sources are those of an earlier build is taken from there, as an engine does. */
export class Builder {
  readonly #stages = new Map<string, string>();
  #count = 0;

  /** Throws with all that was printed when a step fails. */
  build(instructions: readonly Instruction[], options: BuildOptions): Image {
    const named = new Map<string, { key: string; root: string }>();
    let image: Image | null = null;
    const bases: string[] = [];
    for (const steps of stagesOf(instructions)) {
      const [base = '', name = ''] = steps[0]!.rest.split(/ AS /i);
      bases.push(base);
      const sources = steps.flatMap(({ rest }) => named.get(/--from=(\S+)/.exec(rest)?.[1] ?? '')?.key ?? []);
      const used = steps.filter((step) => step.name === 'ARG').map(({ rest }) => rest.split('=')[0]!);
      const key = JSON.stringify([steps, sources, used.map((arg) => options.args?.[arg])]);
      const known = this.#stages.get(key);
      const root = known ?? join(options.scratch, `stage-${this.#count++}`);
      mkdirSync(root, { recursive: true });
      image = this.#follow(steps, root, { ...options, bases, isKnown: known !== undefined }, (from) => {
        const stage = named.get(from);
        if (stage === undefined) throw new Error(`COPY --from=${from}: there is no such stage`);
        return stage.root;
      });
      this.#stages.set(key, root);
      named.set(name, { key, root });
    }
    if (image === null) throw new Error('the Dockerfile has no FROM');
    return image;
  }

  #follow(
    steps: readonly Instruction[],
    root: string,
    { context, args = {}, bases, isKnown }: BuildOptions & { bases: readonly string[]; isKnown: boolean },
    stage: (name: string) => string,
  ): Image {
    const made = { workdir: '/', user: '', entry: [], command: [], health: [], stop: '' };
    const image = { root, bases, ...made, env: {}, labels: {} } as {
      -readonly [key in keyof Image]: Image[key];
    }; // filled below
    const given: Record<string, string> = {};
    for (const { name, rest } of steps) {
      switch (name) {
        case 'FROM':
        case 'EXPOSE':
          break;
        case 'ARG': {
          const [arg = '', initial = ''] = rest.split('=');
          given[arg] = args[arg] ?? unquoted(initial);
          break;
        }
        case 'ENV':
          image.env = { ...image.env, ...pairs(rest) };
          break;
        case 'LABEL':
          image.labels = { ...image.labels, ...pairs(rest) };
          break;
        case 'WORKDIR':
          image.workdir = rest;
          mkdirSync(join(root, rest), { recursive: true });
          break;
        case 'COPY':
          if (!isKnown) copy(rest, join(root, image.workdir), root, context, stage);
          break;
        case 'RUN':
          if (!isKnown) runStep(rest, join(root, image.workdir), { ...image.env, ...given });
          break;
        case 'ENTRYPOINT':
          image.entry = JSON.parse(rest);
          break;
        case 'CMD':
          image.command = JSON.parse(rest);
          break;
        case 'HEALTHCHECK':
          image.health = JSON.parse(rest.slice(rest.indexOf('CMD ') + 4));
          break;
        case 'USER':
          image.user = rest;
          break;
        case 'STOPSIGNAL':
          image.stop = rest;
          break;
        default:
          throw new Error(`nobody here knows ${name}`);
      }
    }
    return image;
  }
}

function stagesOf(instructions: readonly Instruction[]): Instruction[][] {
  const stages: Instruction[][] = [];
  for (const instruction of instructions) {
    if (instruction.name === 'FROM') stages.push([]);
    stages.at(-1)?.push(instruction);
  }
  return stages;
}

function unquoted(text: string): string {
  return text.replace(/^"(.*)"$/, '$1');
}

function pairs(text: string): Record<string, string> {
  const found = [...text.matchAll(/([^\s=]+)=("[^"]*"|\S+)/g)];
  return Object.fromEntries(found.map(([, key = '', value = '']) => [key, unquoted(value)]));
}

function copy(
  rest: string,
  workdir: string,
  root: string,
  context: string,
  stage: (name: string) => string,
): void {
  const words = rest.split(/\s+/);
  const fromStage = /^--from=(.+)$/.exec(words[0]!)?.[1];
  if (fromStage !== undefined) words.shift();
  const from = fromStage === undefined ? context : stage(fromStage);
  const isSent =
    fromStage === undefined ? dockerignore(readFileSync(join(context, '.dockerignore'), 'utf8')) : () => true;
  const to = words.pop() ?? '';
  const target = to.startsWith('/') ? join(root, to) : join(workdir, to);
  for (const word of words) {
    if (!isSent(word)) throw new Error(`COPY ${word}: .dockerignore keeps it back`);
    const source = join(from, word);
    const copied = to.endsWith('/') ? join(target, word.split('/').at(-1)!) : target;
    mkdirSync(dirname(copied), { recursive: true });
    if (fromStage !== undefined) {
      // Nothing changes a stage's files once its steps are taken, so that both may hold the same ones.
      execFileSync('cp', ['-alT', source, copied]);
      continue;
    }
    // A folder may be kept back and some of what is in it sent, so that files decide.
    for (const path of filesIn(source)) {
      if (isSent(relative(from, path)))
        cpSync(path, join(copied, relative(source, path)), { recursive: true });
    }
  }
}

/** All files in a folder, at any depth; a file itself. */
function filesIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesIn(join(path, name)));
}

/** What a build takes from the machine around it: how the registry is reached, as `docker build` passes its proxies on. */
const REACH =
  /^((https?|no)_proxy|node_extra_ca_certs|ssl_cert_(file|dir)|npm_config_(registry|cafile|cache))$/i;

function runStep(command: string, cwd: string, env: Readonly<Record<string, string>>): void {
  const reach = Object.entries(process.env).filter(([name]) => REACH.test(name));
  const [shell, ...words] = untouched(['sh', '-c', command]);
  const done = spawnSync(shell, words, {
    cwd,
    encoding: 'utf8',
    env: {
      ...Object.fromEntries(reach),
      // Node as in the base, and no program of this repository's packages.
      PATH: [dirname(realNode()), ...(process.env.PATH ?? '').split(delimiter)]
        .filter((folder) => !folder.endsWith(join('node_modules', '.bin')))
        .join(delimiter),
      HOME: process.env.HOME,
      npm_config_prefer_offline: 'true',
      ...env,
    },
  });
  if (done.status !== 0) throw new Error(`RUN ${command}: ${done.stdout}${done.stderr}`);
}

/** The same command without what the test runner puts into the options of every Node; it would put them back, so a shell takes them off. */
export function untouched(command: readonly string[]): [string, ...string[]] {
  return ['sh', '-c', 'unset NODE_OPTIONS; exec "$0" "$@"', ...command];
}

/** Node itself: what stands in `.bin` may be a script that starts it. */
export function realNode(): string {
  return spawnSync(pinnedNode, ['-p', 'process.execPath'], { encoding: 'utf8' }).stdout.trim();
}
