// Which certificates serve which name: exact before wildcard before the first, and one of each kind of key.
import type { Certificate } from './certificate.ts';

/** A name that is covered twice by keys of one kind: only the first certificate is ever shown for it. */
export interface NameClash {
  readonly name: string;
  readonly first: number;
  readonly second: number;
}

export interface NameGroups {
  /** Positions of the certificates by name. */
  readonly byName: ReadonlyMap<string, readonly number[]>;
  /** For who names nobody. */
  readonly first: readonly number[];
  readonly clashes: readonly NameClash[];
}

/** Groups certificates by the names that they cover. */
export function groupByName(certificates: readonly Certificate[]): NameGroups {
  const byName = new Map<string, number[]>();
  const clashes: NameClash[] = [];
  certificates.forEach((certificate, i) => {
    for (const name of certificate.names) {
      const group = byName.get(name);
      if (group === undefined) byName.set(name, [i]);
      else {
        const rival = group.find((other) => certificates[other]!.keyType === certificate.keyType);
        if (rival === undefined) group.push(i);
        else clashes.push({ name, first: rival, second: i });
      }
    }
  });
  const name = certificates[0]?.names[0];
  const first = name === undefined ? [0] : byName.get(name)!;
  return { byName, first: certificates.length === 0 ? [] : first, clashes };
}

/** The group for a name that a client asks for, in lower case; null: nobody covers it. A wildcard stands for one label (RFC 9525 section 6.3). */
export function groupFor<T>(byName: ReadonlyMap<string, T>, name: string): T | null {
  const exact = byName.get(name);
  if (exact !== undefined) return exact;
  const dot = name.indexOf('.');
  return dot <= 0 ? null : (byName.get(`*${name.slice(dot)}`) ?? null);
}
