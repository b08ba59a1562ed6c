// One listed difference from `http-proxy`, and the words in which the table says what exactly it explains.
import { type Field, values } from '../kit/http-message.ts';
import { type Deviation, type Kind, lines } from './compare.ts';

export interface Difference {
  /** What `http-proxy` does. */
  readonly oracle: string;
  /** What Limpet does, and why. */
  readonly limpet: string;
  /** RFC section, or other source. */
  readonly rule: string;
  /** Shows in most shapes, and so is named by none. */
  readonly everywhere?: true;
  /** Whether this is what was found: as narrow as can be said. */
  readonly explains: (found: Deviation) => boolean;
}

/** The same difference of a field: which side of the proxy, which names. */
export function field(kind: Kind, names: RegExp, holds: (found: Deviation) => boolean = () => true) {
  return (found: Deviation): boolean => found.kind === kind && names.test(found.name) && holds(found);
}
export const dropped = (found: Deviation): boolean => found.oracle !== '' && found.limpet === '';
export const asSent = (found: Deviation): boolean =>
  found.sent !== undefined && found.limpet === lines(values(found.sent, found.name));
export const words = (text: string): string[] => text.split(' ');

/** Limpet refuses with this code what `http-proxy` takes, or refuses with another status or by hanging up. */
export function refuses(oracle: string, code: string, why: string, rule: string): Difference {
  const explains = ({ kind, limpet }: Deviation): boolean =>
    kind === 'outcome' && limpet.endsWith(` ${code}`);
  return { oracle, limpet: `Refuses with \`${code}\`: ${why}`, rule, explains };
}

export function outcome(oracle: string, limpet: string) {
  return (found: Deviation): boolean =>
    found.kind === 'outcome' && found.oracle === oracle && found.limpet === limpet;
}

/** Limpet's names as the client spelled them, where the client sent them. */
export function spelledAsSent({ sent, limpet }: Deviation): boolean {
  const spelled = new Set((sent?.fields ?? []).map(([name]: Field) => name));
  const known = new Set([...spelled].map((name) => name.toLowerCase()));
  return words(limpet).every((name) => !known.has(name.toLowerCase()) || spelled.has(name));
}

export function sameNames({ oracle, limpet }: Deviation): boolean {
  const small = (text: string): string => [...new Set(words(text.toLowerCase()))].sort().join(' ');
  return small(oracle) === small(limpet);
}

/** Limpet's order is the client's, with its own fields around. */
export function orderAsSent({ sent, limpet }: Deviation): boolean {
  const names = new Set(words(limpet));
  const order = [...new Set((sent?.fields ?? []).map(([name]: Field) => name.toLowerCase()))].filter((name) =>
    names.has(name),
  );
  return (
    words(limpet)
      .filter((name) => order.includes(name))
      .join(' ') === order.join(' ')
  );
}
