// The demo's three apps as processes: started, killed, hung and revived for real.
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';

/** What a process is, as the demo knows it. */
export type ProcessState = 'running' | 'hung' | 'killed';

export interface StageApp {
  readonly name: string;
  readonly colour: string;
  readonly port: number;
  state: ProcessState;
  child: ChildProcess | null;
}

const CAST: readonly (readonly [name: string, colour: string])[] = [
  ['coral', '#e2725b'],
  ['amber', '#d99a1c'],
  ['teal', '#1f8a83'],
];

const APP = new URL(import.meta.url.endsWith('.ts') ? './app.ts' : './app.js', import.meta.url);

/** Orders that are remembered; the oldest go first. */
const ORDERS_MAX = 100_000;

/** The apps of one demo. */
export class Stage {
  readonly apps: StageApp[] = [];
  /** Ids of orders, once for each time that an app took it: kept here, since an app's memory ends with it. */
  readonly orders: string[] = [];
  /** What the apps sign the cookie of the second scene with. */
  readonly memberSecret = randomBytes(24).toString('hex');

  /** Starts all three on free ports; resolves when they listen. */
  async open(): Promise<void> {
    for (const [name, colour] of CAST) {
      this.apps.push({ name, colour, port: await freePort(), state: 'killed', child: null });
    }
    await Promise.all(this.apps.map((app) => this.#start(app)));
  }

  app(name: string): StageApp | undefined {
    return this.apps.find((app) => app.name === name);
  }

  kill(app: StageApp): void {
    app.state = 'killed';
    app.child?.kill('SIGKILL');
  }

  /** Stops the process where it stands: it still accepts connections and answers none. */
  hang(app: StageApp): void {
    if (app.state !== 'running') return;
    app.state = 'hung';
    app.child?.kill('SIGSTOP');
  }

  async revive(app: StageApp): Promise<void> {
    if (app.state === 'hung') {
      app.child?.kill('SIGCONT');
      app.state = 'running';
    } else if (app.state === 'killed') {
      await hasEnded(app.child);
      // Somebody else may have revived it meanwhile.
      if (app.state === 'killed') await this.#start(app);
    }
  }

  async reviveAll(): Promise<void> {
    await Promise.all(this.apps.map((app) => this.revive(app)));
  }

  close(): void {
    for (const app of this.apps) {
      app.state = 'killed';
      app.child?.kill('SIGKILL');
    }
  }

  /** An app says `ready`, or which order it took. */
  #note(message: unknown): void {
    const id = (message as { order?: unknown } | null)?.order;
    if (typeof id !== 'string') return;
    this.orders.push(id);
    // A tenth at once, so that not every order moves all the others.
    if (this.orders.length > ORDERS_MAX) this.orders.splice(0, ORDERS_MAX / 10);
  }

  #start(app: StageApp): Promise<void> {
    app.state = 'running';
    const child = fork(APP, [app.name, app.colour, String(app.port)], {
      env: { ...process.env, DEMO_MEMBER_SECRET: this.memberSecret },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    app.child = child;
    child.on('message', (message: unknown) => this.#note(message));
    return new Promise((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('error', reject);
      child.once('exit', () => {
        if (app.child === child) app.state = 'killed';
        resolve();
      });
    });
  }
}

/** Waits until a killed process has let its port go. */
function hasEnded(child: ChildProcess | null): Promise<unknown> {
  const gone = child === null || child.exitCode !== null || child.signalCode !== null;
  return gone ? Promise.resolve() : new Promise((resolve) => child.once('exit', resolve));
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}
