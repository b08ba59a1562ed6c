// What is found out and opened before a process can be put together: addresses, secrets, how many workers there can be, keys and logs.
import { availableParallelism } from 'node:os';
import type { Config } from '../config/config.ts';
import type { ConfigLoader } from '../config/load.ts';
import type { SigningKeys } from '../session/phantom/signing-keys.ts';
import { withFoundPorts } from './any-port.ts';
import { canSharePorts } from './binding.ts';
import type { Beginning } from './handover.ts';
import type { Inheritance } from './inherited.ts';
import { type LogDesk, openLogs } from './log-desk.ts';
import type { CrewSize } from './start-news.ts';
import { withPorts, withSecrets } from './starting.ts';
import { type KeyKeeper, openTokenKeys } from './token-keys.ts';

/** What a control plane is made from. */
export interface Foundation {
  /** As the file says it. */
  readonly given: Config;
  /** As it runs. */
  readonly config: Config;
  readonly size: CrewSize;
  /** Workers bind the same ports together. */
  readonly shared: boolean;
  readonly signing: SigningKeys | null;
  readonly logs: LogDesk;
  readonly load: ConfigLoader;
  readonly inheritance: Inheritance;
}

/** Rejects with a StartError where an address or a log cannot be had. `keeper`: as for `openTokenKeys`. */
export async function layFoundation(
  given: Config,
  load: ConfigLoader,
  { inheritance, secrets, ports }: Beginning,
  keeper: () => KeyKeeper | null,
): Promise<Foundation> {
  const listeners = withFoundPorts(given.listeners, ports);
  const config = withSecrets(await withPorts({ ...given, listeners }, inheritance), null, secrets);
  const asked = config.workers ?? availableParallelism();
  const wanted = inheritance.workersFor(
    config.listeners.map(({ bind }) => bind),
    asked,
  );
  const shared = wanted > 1 && (await canSharePorts());
  const size = { asked, wanted, workers: shared ? wanted : 1 };
  const signing = await openTokenKeys(config.signing, keeper);
  const logs = openLogs(config.log);
  return { given, config, size, shared, signing, logs, load, inheritance };
}
