// One of several replicas of a proxy, as a container is: stopped by a signal and waited for, then started anew at the same address.
import type { ChildProcess } from 'node:child_process';
import { get } from 'node:http';
import { House } from './house.ts';
import type { PeerTask, ReplicaProgram } from './peers.ts';

/** A look that takes longer says no, ms. */
const LOOK_MS_MAX = 1000;
/** How much is kept of what it said on standard error. */
const SAID_CHARS = 4000;

export class Replica {
  readonly port: number;
  /** Takes new connections, as far as what stands in front has learned. */
  ready = false;
  readonly #program: ReplicaProgram;
  readonly #house: House;
  #child: ChildProcess | null = null;
  #said = '';

  constructor(task: PeerTask, program: ReplicaProgram) {
    this.port = program.port;
    this.#program = program;
    this.#house = new House(task, 'replica');
  }

  /** Starts it, and waits until it says that it is ready. */
  async start(): Promise<void> {
    const { command, args } = this.#program;
    const child = this.#house.start(command, args);
    this.#child = child;
    this.#said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      if (this.#said.length < SAID_CHARS) this.#said += chunk.toString();
    });
    let isOver = false;
    // Not at 'exit': what it said last may come after that.
    child.once('close', () => {
      isOver = true;
    });
    await this.#house.until('a replica that is ready', () => {
      if (isOver) throw new Error(`a replica ended at its start: ${this.#said}`);
      return this.#program.isReady();
    });
  }

  /** What its readiness says now. */
  isReady(): Promise<boolean> {
    return this.#program.isReady();
  }

  /** Gives it the signal of its image, and `withinMs` to end; then it is killed, as the platform does. True where it ended by itself, with code 0. */
  async end(withinMs: number): Promise<boolean> {
    const child = this.#child!;
    child.kill(this.#program.signal);
    const endMs = performance.now() + withinMs;
    const isOver = (): boolean => this.#house.pids().length === 0;
    while (!isOver() && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 20));
    if (isOver())
      await this.#house.until('its exit code', () => child.exitCode !== null || child.signalCode !== null);
    else await this.kill();
    return child.exitCode === 0;
  }

  kill(): Promise<void> {
    return this.#house.stop();
  }
}

/** Whether a GET on a connection of its own is answered with 200, in time. */
export function saysOk(port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false, timeout: LOOK_MS_MAX }, (response) => {
      response.resume();
      response.on('error', () => resolve(false));
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
    request.on('close', () => resolve(false));
  });
}
