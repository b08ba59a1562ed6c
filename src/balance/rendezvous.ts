// Rendezvous hashing: key and upstream names alone decide who serves, so that every replica decides the same.
import { hashString, mixSigned } from '../base/hash.ts';
import type { Avoid, Candidate } from './balancer.ts';

/** Keeps these hashes apart from other uses of the same names. */
const NAME_SEED = 0x6c696d70;

/** What stands for a name in rendezvousCost; work it out once where the set is long-lived. */
export function rendezvousSeed(name: string): number {
  return hashString(name, NAME_SEED);
}

/**
 * What it would cost to put `key` (32 bits) on the upstream with this seed: the cheapest one has it. Highest random
 * weight (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998): each pair of key and
 * upstream draws its own number, hence a leaver's keys spread over all others by weight and no other key moves. With
 * weights: an exponential variate of rate `weight`, since the least of such has odds in proportion to the rates
 * (Schindelhauer and Schomaker, "Weighted distributed hash tables", 2005).
 */
export function rendezvousCost(key: number, seed: number, weight: number): number {
  return -Math.log(rendezvousDraw(key, seed)) / weight;
}

/** The number between 0 and 1 that the pair draws; −log of it over the weight is the cost. */
export function rendezvousDraw(key: number, seed: number): number {
  const draw = mixSigned((mixSigned(key ^ seed) + seed) | 0) >>> 0;
  // The half keeps the logarithm's argument above 0 and below 1.
  return (draw + 0.5) / 4294967296;
}

/**
 * Position of the candidate where the user with the 64-bit `keyHi`, `keyLo` belongs, or −1 when all are avoided. The
 * order of the candidates does not matter. O(n) with a hash of each name: for the rare request whose home is lost,
 * not for every one.
 */
export function rendezvous(
  keyHi: number,
  keyLo: number,
  candidates: readonly Candidate[],
  avoid: Avoid | null,
): number {
  const key = mixSigned(keyLo ^ mixSigned(keyHi));
  let best = -1;
  let bestCost = Number.POSITIVE_INFINITY;
  let bestSeed = 0;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i]!;
    if (avoid?.has(candidate.slot)) continue;
    const seed = rendezvousSeed(candidate.name);
    const cost = rendezvousCost(key, seed, candidate.weight);
    if (best < 0 || cost < bestCost || (cost === bestCost && seed < bestSeed)) {
      best = i;
      bestCost = cost;
      bestSeed = seed;
    }
  }
  return best;
}
