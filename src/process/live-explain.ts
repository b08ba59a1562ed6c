// Answers `POST /api/v1/explain`: decides about a request as the workers would at this moment, with their health, homes and revocations.
import { systemClock } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import { explain } from '../proxy/explain.ts';
import type { Explanation, Question } from '../proxy/explanation.ts';
import { copyHouse } from '../proxy/live-house.ts';
import { openSessions } from '../session/open-session.ts';
import type { SigningKeys } from '../session/phantom/signing-keys.ts';
import { SharedRevocations } from '../session/revocation/shared-revocations.ts';
import { NO_REVOCATIONS } from '../session/revocations.ts';
import type { UpstreamTable } from '../upstream/upstream-table.ts';
import type { AddressFiles } from './address-files.ts';
import type { MainGeneration } from './main-generation.ts';
import type { RevocationSwitch } from './revocation-switch.ts';

/** The parts of the main thread that are looked at. */
export interface ExplainSource {
  readonly config: Config;
  /** The generation of the config that is in force. */
  readonly current: MainGeneration;
  readonly table: UpstreamTable;
  /** Null: no session is checked. */
  readonly switch: RevocationSwitch | null;
  /** Keys of tokens; null: no session has any. */
  readonly signing: SigningKeys | null;
  readonly lists: Pick<AddressFiles, 'lists'>;
}

/** At one time: each compiles the config and copies what is known. */
const EXPLAINED_MAX = 2;

export class LiveExplainer {
  readonly #source: ExplainSource;
  #running = 0;

  constructor(source: ExplainSource) {
    this.#source = source;
  }

  /** Null: too many are under way. Stores of sessions are asked over connections of their own, which are closed again. */
  async explain(question: Question): Promise<Explanation | null> {
    if (this.#running >= EXPLAINED_MAX) return null;
    this.#running++;
    try {
      const { config, current, table, signing, lists, switch: revocations } = this.#source;
      const house = copyHouse({
        table: table.memory,
        rows: current.rows,
        learned: current.learned,
        revocations:
          revocations === null
            ? NO_REVOCATIONS
            : new SharedRevocations(revocations.memory, systemClock.wallMs),
        signing: signing?.state ?? null,
        lists: lists.lists,
      });
      const sessions = await openSessions(config);
      try {
        return await explain(config, question, sessions, house);
      } finally {
        await Promise.all(sessions.map((session) => session.close()));
      }
    } finally {
      this.#running--;
    }
  }
}
