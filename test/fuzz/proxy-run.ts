// Rounds of hostile clients beside calm ones, and of hostile answers, against a real Limpet that must be as before after each.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import type { Owner } from '../kit/child.ts';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { RawUpstream } from '../kit/raw-upstream.ts';
import { readProxyBooks, sumsThatFail } from '../soak/books.ts';
import { leaksBetween, type Rest, RestReader } from '../soak/rest.ts';
import { beCalm } from './calm-clients.ts';
import { readCorpus } from './corpus.ts';
import { type HostileStream, judgeStream, type Replayed, sendStream } from './hostile-clients.ts';
import { FooledClient, HOSTILE_PATH, HostileAnswers, makeHostile } from './hostile-upstream.ts';
import { ProxyFindings } from './proxy-findings.ts';
import { Recorder } from './recorder.ts';

const WORKERS = 2;
/** Hostile and calm connections at once. */
const STRANDS = 24;
const CALM_STRANDS = 4;
/** The first rounds compile code and fill pools; from the one after them on all must be as it was. */
const WARM_ROUNDS = 2;
/** A Limpet that is not at rest by then never will be: many times its longest timeout. */
const REST_MS = 60_000;

/** A Limpet with a recording upstream and a hostile one behind it. */
export class ProxyFuzz {
  readonly findings = new ProxyFindings();
  /** Hostile streams and hostile answers so far. */
  cases = 0;
  calm = 0;
  readonly #limpet: RunningLimpet;
  readonly #recorder: Recorder;
  readonly #hostile: RawUpstream;
  readonly #answersToSend: HostileAnswers;
  readonly #rest: RestReader;
  readonly #seed: number;
  readonly #corpus: readonly Buffer[];
  /** What was held after the warm rounds. */
  #begin: Rest | null = null;
  #rounds = 0;

  private constructor(
    limpet: RunningLimpet,
    good: RawUpstream,
    hostile: RawUpstream,
    rest: RestReader,
    seed: number,
  ) {
    this.#limpet = limpet;
    this.#recorder = new Recorder(good);
    this.#hostile = hostile;
    this.#answersToSend = new HostileAnswers(seed);
    makeHostile(hostile, this.#answersToSend);
    this.#rest = rest;
    this.#seed = seed;
    this.#corpus = [...readCorpus('request').values()].map(({ bytes }) => Buffer.from(bytes, 'latin1'));
  }

  static async open(owner: Owner, seed: number): Promise<ProxyFuzz> {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-fuzz-'));
    owner.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const gaugeFile = join(folder, 'gauge.ndjson');
    const good = await RawUpstream.listen({ owner });
    const hostile = await RawUpstream.listen({ owner });
    const limpet = await startLimpet(proxyConfig(good.url, hostile.url), {
      owner,
      env: {
        NODE_OPTIONS: `--import=${new URL('../soak/gauge.ts', import.meta.url)}`,
        LIMPET_SOAK_GAUGE: gaugeFile,
      },
    });
    return new ProxyFuzz(limpet, good, hostile, new RestReader(limpet.pid, gaugeFile, WORKERS + 1), seed);
  }

  /** Sends all that is in the corpus of this target and of those that read in process. */
  async replay(): Promise<void> {
    const casesOf = (target: string): Replayed[] =>
      [...readCorpus(target).values()].map(({ bytes, seed, number }) => ({
        bytes: Buffer.from(bytes, 'latin1'),
        seed,
        number,
      }));
    const streams = [...casesOf('request'), ...casesOf('stream')];
    const answers = [...casesOf('response'), ...casesOf('answer')];
    answers.forEach((answer, i) => {
      this.#answersToSend.replays.set(this.cases + streams.length + i, answer);
    });
    await this.round(streams.length, answers.length, streams);
  }

  /** One round of so many cases of each side. Findings are there when it is over. */
  async round(streams: number, answers: number, replays: readonly Replayed[] = []): Promise<void> {
    const held = await this.#clients(streams, replays);
    await this.#answers(answers);
    const rest = await this.#atRest();
    for (const stream of held) judgeStream(stream, this.#recorder, this.findings);
    for (const error of this.#recorder.errors) this.findings.add('limpet', error, this.cases);
    this.#recorder.forget();
    this.#hostile.forget();
    this.#answersToSend.served.clear();
    this.#hostile.errors.length = 0;
    this.#rounds++;
    if (this.#rounds === WARM_ROUNDS) this.#begin = rest;
    else if (this.#begin !== null)
      for (const leak of leaksBetween(this.#begin, rest)) this.findings.add('limpet', leak, this.cases);
    if (/died|InvariantError/.test(this.#limpet.logs() + this.#limpet.stderr()))
      this.findings.add('limpet', 'a worker died', this.cases);
  }

  /** The numbers from `cases` on, shared out among `strands` that work at once. */
  async #share(
    count: number,
    strands: number,
    work: (number: number, strand: number) => Promise<void>,
  ): Promise<void> {
    const end = this.cases + count;
    const strand = async (_: unknown, i: number): Promise<void> => {
      while (this.cases < end) await work(this.cases++, i);
    };
    await Promise.all(Array.from({ length: strands }, strand));
  }

  async #clients(count: number, replays: readonly Replayed[]): Promise<HostileStream[]> {
    const first = this.cases;
    const held: HostileStream[] = [];
    let over = false;
    const calm = Array.from({ length: CALM_STRANDS }, (_, i) =>
      beCalm(this.#limpet.port, i, this.#seed, () => over, this.findings),
    );
    await this.#share(count, STRANDS, async (number) => {
      held.push(
        await sendStream(this.#limpet.port, this.#seed, number, this.#corpus, replays[number - first]),
      );
    });
    over = true;
    for (const answers of await Promise.all(calm)) this.calm += answers;
    return held;
  }

  async #answers(count: number): Promise<void> {
    const clients = Array.from(
      { length: STRANDS },
      () => new FooledClient(this.#limpet.port, this.#answersToSend, this.findings),
    );
    await this.#share(count, STRANDS, (number, strand) => clients[strand]!.ask(number));
    for (const client of clients) client.leave();
  }

  /** Waits until nothing is under way and what was kept for later is given up; reads what is held then. */
  async #atRest(): Promise<Rest> {
    const untilMs = performance.now() + REST_MS;
    for (;;) {
      const text = await (await request(`${this.#limpet.adminUrl}/metrics`, { reset: true })).body.text();
      const wrong = sumsThatFail(readProxyBooks(text));
      const rest = wrong.length === 0 ? await this.#rest.read(this.#begin) : null;
      const leaks = rest === null || this.#begin === null ? [] : leaksBetween(this.#begin, rest);
      // Upstream connections are kept for a while after the last request.
      const isQuiet = rest !== null && (rest.sockets.established ?? 0) === 0;
      if (rest !== null && ((isQuiet && leaks.length === 0) || performance.now() > untilMs)) return rest;
      if (performance.now() > untilMs) {
        for (const what of wrong) this.findings.add('limpet', `not at rest: ${what}`, this.cases);
        return this.#rest.read(this.#begin);
      }
      await sleep(100);
    }
  }
}

/** Short timeouts, so that each of them comes, and no memory of what an upstream did before. */
export function proxyConfig(good: string, hostile: string): object {
  return {
    workers: WORKERS,
    pools: {
      default: { upstreams: [good], health: false, keepAlive: { idleTimeout: '500ms' } },
      hostile: {
        upstreams: [hostile],
        health: false,
        retries: { attempts: 0 },
        keepAlive: { idleTimeout: '500ms' },
        timeouts: { response: '400ms', stream: '400ms' },
      },
    },
    routes: [
      { path: '/', pool: 'default' },
      { path: HOSTILE_PATH.slice(0, -1), pool: 'hostile' },
    ],
    timeouts: { head: '1s', idle: '2s', bodyIdle: '1s', expect: '50ms' },
    log: { access: false },
  };
}
