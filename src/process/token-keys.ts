// Opens the keys that the tokens of sessions are signed with, which tell the workers whenever they turn over.
import { systemTimers } from '../base/timers.ts';
import type { Logger } from '../observe/logger.ts';
import { SigningKeys } from '../session/phantom/signing-keys.ts';
import type { SigningOptions } from '../session/phantom/token-options.ts';
import type { ToWorker } from './messages.ts';

/** The process that keys are opened for, as it is when they turn over. */
export interface KeyKeeper {
  /** Those in force. */
  readonly signing: SigningKeys | null;
  readonly crew: { tell(message: ToWorker): void };
  readonly log: Logger;
}

/** Null: no session has tokens. `keeper` is asked long after the process has started, so it may give null while that is on its way. */
export async function openTokenKeys(
  options: SigningOptions | null,
  keeper: () => KeyKeeper | null,
): Promise<SigningKeys | null> {
  if (options === null) return null;
  const keys = await SigningKeys.open({
    options,
    timers: systemTimers,
    onChange: (state) => {
      // Those of a config that is not in force are nobody's business yet.
      if (keeper()?.signing === keys) keeper()?.crew.tell({ say: 'signing', state });
    },
    onFailure: () => keeper()?.log.error({}, 'no new key for tokens could be made; the last one signs on'),
  });
  return keys;
}
