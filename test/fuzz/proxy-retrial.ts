// Tries what an end-to-end run has found again, alone and against a fresh Limpet, and makes it as short as it can be while the same is found.
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import type { Owner } from '../kit/child.ts';
import { type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { RawUpstream } from '../kit/raw-upstream.ts';
import { judgeStream, sendStream } from './hostile-clients.ts';
import { FooledClient, HostileAnswers, makeHostile, unmarked } from './hostile-upstream.ts';
import { LimpetReader } from './limpet-reading.ts';
import { bytesOf, linesOf, piecesOf, type ShrinkBounds, shrink } from './minimise.ts';
import { type ProxyFinding, ProxyFindings } from './proxy-findings.ts';
import { proxyConfig } from './proxy-run.ts';
import { Recorder } from './recorder.ts';

/** Who is under trial: a Limpet, or what stands in for it. */
export interface Accused {
  readonly port: number;
  /** Resolves once nothing is under way there any more. */
  settled(): Promise<void>;
}

/** What a finding has become. */
export interface Shrunk {
  readonly bytes: Buffer;
  readonly tries: number;
  /** The same was found alone; if not, nothing could be taken away. */
  readonly again: boolean;
}

/** A finding that hangs on chance is looked for so often before it is given up. */
const FIRST_TRIES = 5;
/** Longest that a Limpet may take to come to rest behind one case, ms: beyond every timeout of its config. */
const REST_MS = 15_000;

const reader = new LimpetReader();

/** One finding's side, seed and number: cuts, ending and address are what they were when it was found. */
export class ProxyRetrial {
  /** What came of the cases so far. */
  readonly counts = new ProxyFindings().counts;
  readonly #accused: Accused;
  readonly #finding: ProxyFinding;
  readonly #seed: number;
  readonly #recorder: Recorder;
  readonly #hostile: RawUpstream;
  readonly #answers: HostileAnswers;

  /** `good` and `hostile` are behind the accused, as in a run. */
  constructor(
    accused: Accused,
    good: RawUpstream,
    hostile: RawUpstream,
    finding: ProxyFinding,
    seed: number,
  ) {
    this.#accused = accused;
    this.#finding = finding;
    this.#seed = seed;
    this.#recorder = new Recorder(good);
    this.#hostile = hostile;
    this.#answers = new HostileAnswers(seed);
    makeHostile(hostile, this.#answers);
  }

  /** Against a Limpet of its own. */
  static async open(owner: Owner, finding: ProxyFinding, seed: number): Promise<ProxyRetrial> {
    const good = await RawUpstream.listen({ owner });
    const hostile = await RawUpstream.listen({ owner });
    const limpet = await startLimpet(proxyConfig(good.url, hostile.url), { owner });
    const accused = { port: limpet.port, settled: () => settled(limpet) };
    return new ProxyRetrial(accused, good, hostile, finding, seed);
  }

  /** Sends these bytes in the place of the finding's; what is found then. */
  async judge(bytes: Buffer): Promise<readonly string[]> {
    const { side, number } = this.#finding;
    const findings = new ProxyFindings();
    const replayed = { bytes, seed: this.#seed, number };
    if (side === 'stream') {
      const stream = await sendStream(this.#accused.port, this.#seed, number, [], replayed);
      await this.#accused.settled();
      judgeStream(stream, this.#recorder, findings);
    } else {
      this.#answers.replays.set(number, replayed);
      const client = new FooledClient(this.#accused.port, this.#answers, findings);
      await client.ask(number);
      client.leave();
      await this.#accused.settled();
      this.#answers.served.clear();
    }
    this.#recorder.forget();
    this.#hostile.forget();
    this.#hostile.errors.length = 0;
    for (const [what, count] of findings.counts) this.counts.set(what, (this.counts.get(what) ?? 0) + count);
    return findings.list.map(({ what }) => what);
  }

  /** The finding's bytes, as short as they can be made within the bounds: without messages first, then lines, then bytes. */
  async shrunk(bounds: ShrinkBounds): Promise<Shrunk> {
    const { side, what, number } = this.#finding;
    const bytes =
      side === 'answer' ? unmarked(this.#finding.bytes, number) : Buffer.from(this.#finding.bytes, 'latin1');
    const same = kindOf(what);
    let tries = 0;
    const isFound = async (shorter: Buffer, times: number): Promise<boolean> => {
      for (let left = times; left > 0; left--) {
        tries++;
        if ((await this.judge(shorter)).some((one) => kindOf(one) === same)) return true;
      }
      return false;
    };
    if (!(await isFound(bytes, FIRST_TRIES))) return { bytes, tries, again: false };
    // One that was not found at once hangs on chance, and so will what is left of it.
    const times = tries > 1 ? FIRST_TRIES : 1;
    const messages = side === 'answer' ? answersOf : requestsOf;
    const least = await shrink(
      bytes,
      [messages, linesOf, bytesOf],
      (shorter) => isFound(shorter, times),
      bounds,
    );
    return { bytes: least.bytes, tries, again: true };
  }
}

/** What is alike in two findings that say the same of different bytes and numbers. */
function kindOf(what: string): string {
  return what.replace(/:.*$/s, '').replaceAll(/[\d.]+/g, '#');
}

function requestsOf(bytes: Buffer): Buffer[] {
  const { messages } = reader.requests(bytes, [], true);
  return piecesOf(
    bytes,
    messages.map(({ end }) => end),
  );
}

function answersOf(bytes: Buffer): Buffer[] {
  const { messages } = reader.answer(bytes, false, true);
  return piecesOf(
    bytes,
    messages.map(({ end }) => end),
  );
}

/** Waits until it holds no connection. One that never does is found by the run. */
async function settled(limpet: RunningLimpet): Promise<void> {
  const untilMs = performance.now() + REST_MS;
  while (performance.now() < untilMs) {
    const answer = await request(`${limpet.adminUrl}/api/v1/status`, { reset: true });
    // As the API's document says.
    const { totals } = (await answer.body.json()) as { totals: { connections: number; inFlight: number } };
    if (totals.connections === 0 && totals.inFlight === 0) return;
    await sleep(5);
  }
}
