// The stages of a request, in the order in which it usually passes them: what its end is told by, and what its time is divided into.

/** Where a request is. A retry goes back to `connect`. */
export const STAGE = {
  /** Its head is read, and Limpet decides. */
  head: 0,
  /** Its session is checked. */
  session: 1,
  /** It waits in line for a place at an instance. */
  queue: 2,
  /** An instance is found and dialled. */
  connect: 3,
  /** Its body is waited for, or passed on as it comes. */
  body: 4,
  /** All that there is of it is with the instance, or waits for the instance to read it; the head of the answer is waited for. */
  wait: 5,
  /** The answer is relayed as it comes from the instance. */
  answer: 6,
  /** The answer is there, and the client does not take it. */
  client: 7,
  /** It became a tunnel. */
  tunnel: 8,
} as const;

export const STAGE_COUNT = 9;

/** Each stage in words, as they stand behind "of which 2.3 s": for whoever reads of a slow request. */
export const STAGE_WORDS: readonly string[] = [
  'reading its head',
  'checking its session',
  'waiting in line for an instance',
  'finding and connecting to an instance',
  'waiting for its body from the client',
  'waiting for the answer of the instance',
  'waiting for the rest of the answer from the instance',
  'waiting for the client to take the answer',
  'in the tunnel',
];

/** Each stage by the word that its time has in lines: `sessionMs`. */
export const STAGE_NAMES: readonly string[] = [
  ...['headMs', 'sessionMs', 'queueMs', 'connectMs', 'bodyMs', 'waitMs', 'answerMs', 'clientMs', 'tunnelMs'],
];

/** How long a request was in each stage. Reused; made only where the log asks for such times. */
export class StageClock {
  /** Milliseconds by stage. */
  readonly spentMs = new Float64Array(STAGE_COUNT);
  /** It lasts as long as somebody listens: an event stream. */
  endless = false;
  #stage = 0;
  #sinceMs = 0;

  /** A request begins, with its head. */
  begin(nowMs: number): void {
    this.spentMs.fill(0);
    this.endless = false;
    this.#stage = STAGE.head;
    this.#sinceMs = nowMs;
  }

  /** From now on it is in `stage`. Hot. */
  enter(stage: number, nowMs: number): void {
    this.spentMs[this.#stage]! += nowMs - this.#sinceMs;
    this.#stage = stage;
    this.#sinceMs = nowMs;
  }

  /** The stage that took longest. */
  get longest(): number {
    let most = 0;
    for (let stage = 1; stage < STAGE_COUNT; stage++) {
      if (this.spentMs[stage]! > this.spentMs[most]!) most = stage;
    }
    return most;
  }
}
