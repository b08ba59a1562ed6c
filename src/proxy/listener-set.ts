// The listeners of one worker: those that accept, those that a reload took out and that still have connections, and what they show by TLS.
import type { ListenerCertificates } from '../certificates/context-table.ts';
import type { ListenerConfig } from '../config/config.ts';
import { Challenges } from './challenges.ts';
import { Listener, type ListenerPlane } from './listener.ts';

/** One a worker. */
export class ListenerSet {
  #all: readonly Listener[] = [];
  /** Those that were taken out and still have connections, each with the time at which these are cut, ms. */
  #leaving: { readonly listener: Listener; readonly cutMs: number }[] = [];
  readonly #certificates = new Map<string, ListenerCertificates>();

  challenges: Challenges | null = null;

  /** Those that accept. */
  get all(): readonly Listener[] {
    return this.#all;
  }

  /** Makes those of a config; they are to be bound, or given sockets, one by one. */
  open(plane: ListenerPlane, configs: readonly ListenerConfig[]): void {
    this.#all = configs.map((config) => new Listener(plane, config));
  }

  /** These accept from now on; of the others connections close as in a drain, at `deadlineMs` from `nowMs` at the latest. */
  use(listeners: readonly Listener[], nowMs: number, deadlineMs: number): void {
    const leaving = this.#all.filter((listener) => !listeners.includes(listener));
    this.#all = listeners;
    const cutMs = nowMs + deadlineMs;
    for (const listener of leaving) {
      listener.drain(deadlineMs);
      this.#leaving.push({ listener, cutMs });
    }
  }

  /** Cuts those whose time is up. */
  everySecond(nowMs: number): void {
    if (this.#leaving.length === 0) return;
    for (const { listener, cutMs } of this.#leaving) if (nowMs >= cutMs) listener.kill();
    this.#leaving = this.#leaving.filter(({ listener }) => !listener.isOver);
  }

  /** What the main thread last said of the TLS of the listener of that name; null: nothing yet. */
  certificatesOf(listener: string): ListenerCertificates | null {
    return this.#certificates.get(listener) ?? null;
  }

  /** What listeners find that are made, or told of another config, from now on. */
  learnCertificates(states: readonly ListenerCertificates[]): void {
    for (const state of states) this.#certificates.set(state.listener, state);
  }

  /** A listener's new handshakes use these from now on. */
  setCertificates(state: ListenerCertificates): void {
    this.#certificates.set(state.listener, state);
    for (const listener of this.#all) if (listener.name === state.listener) listener.setCertificates(state);
  }

  /** What authorities of certificates are answered from now on. */
  setChallenges(challenges: Parameters<typeof Challenges.of>[0]): void {
    this.challenges = Challenges.of(challenges);
  }

  /** Whether the last connection has been accepted. */
  get closed(): boolean {
    return this.#all.every(({ closed }) => closed);
  }

  /** As `Listener.drain`, of those that accept; the others drain already. */
  drain(deadlineMs: number, handedOver: boolean): void {
    for (const listener of this.#all) listener.drain(deadlineMs, handedOver);
  }

  /** The deadline of the drain comes soon. */
  leave(): void {
    for (const listener of this.#all) listener.leave();
    for (const { listener } of this.#leaving) listener.leave();
  }

  /** The deadline of the drain has come: everything is closed. */
  kill(): void {
    for (const listener of this.#all) listener.kill();
    for (const { listener } of this.#leaving) listener.kill();
  }
}
