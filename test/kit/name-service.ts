// A name service under a test's hand: names of a started Limpet resolve to what the test says, without rights or a network.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Owner } from './child.ts';

/**
 * What the process under test runs before anything else: look-ups read the test's file, others go on as ever. It is written out as
 * plain JavaScript, since every Node that Limpet runs on must read it.
 */
const PRELOAD = `
import { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import promises from 'node:dns/promises';

const real = promises.lookup;
promises.lookup = async (host, options) => {
  const names = JSON.parse(readFileSync(new URL('names.json', import.meta.url), 'utf8'));
  if (!(host in names)) return real(host, options);
  const known = names[host];
  if (typeof known === 'string') throw Object.assign(new Error(known), { code: known });
  return known.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
};
syncBuiltinESMExports();
`;

export interface NameService {
  /** The environment in which a process asks this service. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on `name` has these addresses, or its look-up fails with this code. */
  set(name: string, answer: readonly string[] | string): void;
}

/** Makes one; what it needs on disk goes with `owner`. */
export function nameService(owner: Owner): NameService {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-names-'));
  owner.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const names: Record<string, readonly string[] | string> = {};
  const preload = join(folder, 'preload.mjs');
  writeFileSync(preload, PRELOAD);
  const write = (): void => {
    // Renamed into place, so that nobody reads half of it.
    writeFileSync(join(folder, 'next.json'), JSON.stringify(names));
    renameSync(join(folder, 'next.json'), join(folder, 'names.json'));
  };
  write();
  return {
    env: { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${pathToFileURL(preload).href}`.trim() },
    set(name, answer) {
      names[name] = answer;
      write();
    },
  };
}
