// A process and its successor: the old one starts the new one, gives it its listening sockets and secrets, and drains once the new one serves.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { FoundPort } from './any-port.ts';
import type { OrderNews, ReplaceOrder } from './control-socket.ts';
import type { Estate } from './estate.ts';
import { Inheritance, type InheritedSockets } from './inherited.ts';
import type { ReloadHold } from './reloader.ts';

/** Tells a successor that its parent has something for it. Nothing secret goes by the environment. */
const SIGN = 'LIMPET_HANDOVER';
/** Descriptors 0 to 2 are the usual ones, 3 is the channel; behind it come the sockets. */
const FIRST_FD = 4;
/** Longest that a successor may take until it serves, ms: it reads its source, its keys and its revocations. */
const SERVE_MS = 120_000;
/** Longest that a successor waits for what its parent has for it, ms. */
const GIVE_MS = 30_000;
/** Programs that end a container with the child that they started, though that child is not process 1. */
const CONTAINER_INITS: ReadonlySet<string> = new Set([
  'tini',
  'docker-init',
  'dumb-init',
  'catatonit',
  'podman-init',
]);

/** What a process begins with that takes over; all empty for one that does not. */
export interface Beginning {
  readonly inheritance: Inheritance;
  readonly secrets: Readonly<Record<string, string>>;
  readonly ports: readonly FoundPort[];
}

export const FRESH: Beginning = { inheritance: new Inheritance([]), secrets: {}, ports: [] };

type FromSuccessor =
  | { readonly say: 'serving'; readonly line: string }
  | { readonly say: 'failed'; readonly why: string };

/** The old process was asked for a reload meanwhile, and its successor may have read the config before the change. */
const RELOAD = { say: 'reload' } as const;

/** The old process's part. */
export interface Predecessor {
  /** Resolves when no reload is under way, and none will be until the end of what is returned. */
  holdReloads(): Promise<ReloadHold>;
  /** What there is to leave. Rejects with a sentence where descriptors can't be told. */
  estate(): Promise<Estate>;
  readonly stopping: boolean;
  /** The successor serves: stop. */
  retire(pid: number): void;
  log(level: 'info' | 'error', fields: object, text: string): void;
}

/** Carries out orders to be replaced. */
export class Handover {
  readonly #old: Predecessor;
  /** The successor on its way; null: there is none. */
  #child: ChildProcess | null = null;
  /** An order is being carried out. */
  #busy = false;

  constructor(old: Predecessor) {
    this.#old = old;
  }

  /** The process stops, or is stopped: a successor that does not serve yet is not wanted. */
  cancel(): void {
    this.#child?.kill('SIGKILL');
  }

  async carryOut(order: ReplaceOrder, tell: (news: OrderNews) => void): Promise<void> {
    const why = this.#busy ? 'it is being replaced already' : this.#whyNot();
    if (why !== null) {
      tell({ news: 'refused', why });
      return;
    }
    this.#busy = true;
    const hold = await this.#old.holdReloads();
    try {
      this.#start(order, await this.#old.estate(), hold, tell);
    } catch (error) {
      this.#busy = false;
      hold.end(null);
      tell({ news: 'refused', why: error instanceof Error ? error.message : String(error) });
    }
  }

  #whyNot(): string | null {
    if (this.#old.stopping) return 'it is stopping';
    if (process.pid === 1)
      return 'it is process 1 of a container, which ends with it: start another container beside it instead';
    const parent = process.ppid === 1 ? nameOf(1) : null;
    if (parent !== null && CONTAINER_INITS.has(parent))
      return `${parent} ends the container with the process that it started: start another container beside this one instead`;
    return null;
  }

  /** Throws a sentence where no process can be started. */
  #start(order: ReplaceOrder, estate: Estate, hold: ReloadHold, tell: (news: OrderNews) => void): void {
    const old = this.#old;
    const fds = estate.sockets.flatMap((sockets) => sockets.fds);
    // What the service manager told us it may be told as well.
    const { NOTIFY_SOCKET } = process.env;
    const env = { ...order.env, ...(NOTIFY_SOCKET === undefined ? {} : { NOTIFY_SOCKET }), [SIGN]: '1' };
    let child: ChildProcess;
    try {
      child = spawn(order.command[0]!, order.command.slice(1), {
        cwd: order.cwd,
        env,
        // What it logs goes where ours goes: whoever looks after us reads it there.
        stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...fds],
      });
    } catch (error) {
      // Node throws where there is no memory for it, where the environment is too long, and for what no system takes.
      const { code = 'it is no program' } = error as NodeJS.ErrnoException; // spawn throws nothing else
      const why = `the new process could not be started: ${code}`;
      old.log('error', { why }, 'the successor does not serve: this process goes on');
      throw new Error(why);
    }
    this.#child = child;
    let over = false;
    const fail = (why: string): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      this.#child = null;
      this.#busy = false;
      child.kill('SIGKILL');
      old.log('error', { why }, 'the successor does not serve: this process goes on');
      tell({ news: 'refused', why });
      hold.end(null);
    };
    const timer = setTimeout(
      () => fail(`the new process did not serve within ${SERVE_MS / 1000} s`),
      SERVE_MS,
    );
    child.once('error', (error) => fail(`the new process could not be started: ${error.message}`));
    child.once('exit', (code, signal) =>
      fail(`the new process ended before it served (${signal ?? `exit code ${code}`}); its log says why`),
    );
    child.once('spawn', () => {
      const pid = child.pid!;
      old.log('info', { pid }, 'a successor was started');
      tell({ news: 'started', pid });
      child.send({ ...estate, sockets: renumbered(estate.sockets) }, () => {});
    });
    child.on('message', (message: FromSuccessor) => {
      if (over) return;
      if (message.say === 'failed') {
        fail(message.why);
        return;
      }
      over = true;
      clearTimeout(timer);
      this.#child = null;
      const pid = child.pid!;
      tell({ news: 'done', pid, oldPid: process.pid, line: message.line });
      if (hold.asked) child.send(RELOAD, () => child.disconnect());
      else child.disconnect();
      child.unref();
      old.retire(pid);
      hold.end(`process ${pid} serves in place of this one now, and was told to reload`);
    });
  }
}

/** Their numbers in the child. */
function renumbered(all: readonly InheritedSockets[]): InheritedSockets[] {
  let next = FIRST_FD;
  return all.map((sockets) => ({ ...sockets, fds: sockets.fds.map(() => next++) }));
}

function nameOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return null;
  }
}

/** The successor's part: tells its parent how the start went. Both do nothing for a process that replaces none. */
export interface Succession {
  readonly beginning: Beginning;
  /** `run` is called when the parent was asked for a reload that it left to this process. */
  onReload(run: () => void): void;
  serving(line: string): void;
  /** Resolves once the parent can have heard it. */
  failed(why: string): Promise<void>;
}

const NO_SUCCESSION: Succession = { beginning: FRESH, onReload() {}, serving() {}, async failed() {} };

/** What was left to this process, taken from its parent; at the very beginning. Rejects where the parent is gone. */
export async function succeed(env: NodeJS.ProcessEnv): Promise<Succession> {
  const isSuccessor = env[SIGN] === '1' && process.send !== undefined;
  delete env[SIGN];
  if (!isSuccessor) return NO_SUCCESSION;
  const estate = await new Promise<Estate>((settle, reject) => {
    const late = (): void => reject(new Error('the process to be replaced left nothing'));
    const timer = setTimeout(late, GIVE_MS);
    process.once('disconnect', late);
    process.once('message', (message) => {
      clearTimeout(timer);
      process.off('disconnect', late);
      settle(message as Estate); // from a Limpet that can be replaced at all
    });
  });
  const say = (message: FromSuccessor): Promise<void> =>
    new Promise((settle) => {
      // A parent that has died meanwhile needs no news.
      if (!process.connected) settle();
      else process.send!(message, undefined, undefined, () => settle());
    });
  return {
    beginning: {
      inheritance: new Inheritance(estate.sockets),
      secrets: estate.secrets,
      // A Limpet of before has none to tell.
      ports: estate.ports ?? [],
    },
    onReload: (run) => {
      process.on('message', (message: typeof RELOAD | null) => {
        if (message?.say === RELOAD.say) run();
      });
    },
    serving: (line) => {
      void say({ say: 'serving', line });
    },
    failed: (why) => say({ say: 'failed', why }),
  };
}
