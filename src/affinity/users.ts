// How many distinct users an upstream had in the last minutes, from a kilobyte a minute instead of a list of them.
import { mixSigned } from '../base/hash.ts';
import { USER_REGISTERS_LOG2, USER_WINDOWS } from '../upstream/upstream-table.ts';

/** Registers of one window. */
const REGISTERS = 1 << USER_REGISTERS_LOG2;
/** 1 / (2 ln 2): what the bias of the harmonic mean tends to (Ertl 2017, section 4). */
const ALPHA = 0.5 / Math.LN2;
/** 2^−rank, for the ranks 0 … 33 that a register may hold. */
const POWERS = Float64Array.from({ length: 34 }, (_, rank) => 2 ** -rank);

/**
 * Notes that a user was seen on the upstream in `slot` (HyperLogLog: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog:
 * the analysis of a near-optimal cardinality estimation algorithm", 2007). `window`: 0 … USER_WINDOWS − 1, the
 * current one. `hashHi`, `hashLo`: the user's nonce or 64-bit hash; `seed`: the affinity's `userSeed`, the same in
 * all workers, so that nobody outside can choose nonces that spoil the count. Threads race without Atomics: a maximum
 * that is lost is noted again by the user's next request. Hot: test/alloc/affinity.test.ts.
 */
export function noteUser(
  registers: Uint8Array,
  slot: number,
  window: number,
  hashHi: number,
  hashLo: number,
  seed: number,
): void {
  const first = mixSigned(hashLo ^ mixSigned(hashHi ^ seed));
  const second = mixSigned(first ^ ~hashHi);
  const at = registersAt(slot, window) + (first >>> (32 - USER_REGISTERS_LOG2));
  const rank = Math.clz32(second) + 1;
  // Most users were seen before: then nothing is written, and the cache line stays shared.
  if (registers[at]! < rank) registers[at] = rank;
}

/**
 * Distinct users of the upstream in `slot` over all windows, estimated with a standard error of 1.04 /
 * sqrt(registers) = 3.3 %, and nearly exactly for a few dozen. The estimator is the improved one of Ertl ("New
 * cardinality estimation algorithms for HyperLogLog sketches", 2017), which corrects small counts without the bump of
 * some 5 % that the original has where its two formulas meet. Costs some 5 µs: for metrics, not for requests.
 */
export function estimateUsers(registers: Uint8Array, slot: number): number {
  let sum = 0;
  let empty = 0;
  const from = registersAt(slot, 0);
  for (let i = from; i < from + REGISTERS; i++) {
    let rank = 0;
    for (let window = 0; window < USER_WINDOWS; window++) {
      rank = Math.max(rank, registers[i + window * REGISTERS]!);
    }
    if (rank === 0) empty++;
    else sum += POWERS[rank]!;
  }
  if (empty === REGISTERS) return 0;
  return Math.round((ALPHA * REGISTERS * REGISTERS) / (sum + REGISTERS * emptyShare(empty / REGISTERS)));
}

/** What empty registers add to the sum: x + the sum of 2^(k−1) x^(2^k) for k ≥ 1 (Ertl's sigma), 0 ≤ x < 1. */
function emptyShare(x: number): number {
  let sum = x;
  let power = x;
  for (let factor = 1; ; factor *= 2) {
    power *= power;
    const next = sum + power * factor;
    if (next === sum) return sum;
    sum = next;
  }
}

/**
 * Forgets what the window of a slot held five minutes ago. Main thread, once a minute for each slot, before it tells the workers that
 * this window is the current one.
 */
export function turnWindow(registers: Uint8Array, slot: number, window: number): void {
  const at = registersAt(slot, window);
  registers.fill(0, at, at + REGISTERS);
}

/** Forgets all users of a slot that is given to another upstream. */
export function forgetUsers(registers: Uint8Array, slot: number): void {
  registers.fill(0, registersAt(slot, 0), registersAt(slot + 1, 0));
}

function registersAt(slot: number, window: number): number {
  return (slot * USER_WINDOWS + window) << USER_REGISTERS_LOG2;
}
