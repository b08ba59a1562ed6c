// Judges what was found of one shape by the table, and tells what is wrong so that a reader sees both ends through both proxies.
import type { Message } from '../kit/http-message.ts';
import { compare, type Deviation } from './compare.ts';
import type { Difference } from './difference.ts';
import { DIFFERENCES, type DifferenceId } from './differences.ts';
import type { Observation } from './observation.ts';
import type { Shape } from './shape.ts';

const TABLE: readonly (readonly [DifferenceId, Difference])[] = Object.entries(DIFFERENCES).map(
  // Object.entries forgets the names of the keys.
  ([id, difference]) => [id as DifferenceId, difference],
);

export interface Judgement {
  /** Empty when all is as listed. */
  readonly complaint: string;
  /** Listed differences that showed. */
  readonly used: ReadonlySet<DifferenceId>;
}

/** Every deviation needs a listed difference that shows everywhere or that the shape names; every one that it names has to show. */
export function judge(shape: Shape, oracle: Observation, limpet: Observation): Judgement {
  const named = new Set(shape.differs ?? []);
  const allowed = TABLE.filter(([id, { everywhere }]) => everywhere === true || named.has(id));
  const used = new Set<DifferenceId>();
  const unlisted: Deviation[] = [];
  for (const found of compare(oracle, limpet)) {
    const matching = allowed.filter(([, difference]) => difference.explains(found));
    for (const [id] of matching) used.add(id);
    if (matching.length === 0) unlisted.push(found);
  }
  const told = unlisted.map(tell);
  for (const id of named) if (!used.has(id)) told.push(`named, but does not show: ${id}`);
  if (unlisted.length > 0) told.push(bothEnds('http-proxy', oracle), bothEnds('Limpet', limpet));
  return { complaint: told.join('\n'), used };
}

function tell(found: Deviation): string {
  const { kind, name, index, oracle, limpet } = found;
  const where = [kind, name, index > 0 ? `(message ${index + 1})` : '']
    .filter((word) => word !== '')
    .join(' ');
  const known = TABLE.filter(([, { explains }]) => explains(found)).map(([id]) => id);
  const hint = known.length > 0 ? `\n  listed, but not named by the shape: ${known.join(', ')}` : '';
  return `${where}\n  http-proxy: ${short(oracle)}\n  Limpet:     ${short(limpet)}${hint}`;
}

function bothEnds(proxy: string, seen: Observation): string {
  const messages = (all: readonly Message[]): string =>
    all.map((message) => `\n${indent(short(message.raw.toString('latin1'), 800))}`).join('') || ' nothing';
  return (
    `-- through ${proxy} (${seen.outcomes.join(', ')}) the upstream saw:${messages(seen.requests)}\n` +
    `-- and the client saw:${messages(seen.answers)}`
  );
}

function short(text: string, most = 300): string {
  if (text === '') return '(nothing)';
  return text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text;
}

function indent(text: string): string {
  return text.replace(/\r/g, '').replace(/^/gm, '    ');
}
