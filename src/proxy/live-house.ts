// What a running proxy knows beside its config, copied for one explanation: the data plane that explains writes, and must not write into the real one's memory.
import type { LearnedMemory } from '../affinity/learned.ts';
import type { FileLists } from '../limit/access-list.ts';
import type { Rows } from '../plan/slots.ts';
import type { SigningState } from '../session/phantom/signing-keys.ts';
import type { Revocations } from '../session/revocations.ts';
import type { UpstreamTableMemory } from '../upstream/upstream-table.ts';

export interface LiveHouse {
  readonly table: UpstreamTableMemory;
  readonly rows: Rows;
  /** Of learned homes, by pool name. */
  readonly learned: ReadonlyMap<string, LearnedMemory>;
  /** Only read. */
  readonly revocations: Revocations;
  readonly signing: SigningState | null;
  /** Files of addresses, as they were read last. Only read. */
  readonly lists: FileLists;
}

/** As it is at this moment: some megabytes for a hundred thousand learned homes or a thousand upstreams, and a millisecond. */
export function copyHouse(house: LiveHouse): LiveHouse {
  return {
    ...house,
    table: { ...house.table, buffer: copyOf(house.table.buffer) },
    learned: new Map(
      [...house.learned].map(([pool, memory]) => [pool, { ...memory, buffer: copyOf(memory.buffer) }]),
    ),
  };
}

function copyOf(buffer: SharedArrayBuffer): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(buffer.byteLength);
  new Uint8Array(copy).set(new Uint8Array(buffer));
  return copy;
}
