// The page on refusals tells of every fault what to do, each in one row, with the statuses that it has.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { allFaults } from '../../build/error-docs.ts';

interface Row {
  readonly patterns: readonly string[];
  readonly statuses: readonly string[];
}

const page = readFileSync(new URL('../../docs/why-was-my-request-refused.md', import.meta.url), 'utf8');
const rows: Row[] = Array.from(
  page.matchAll(/^\| (`[^|]+`) \| ([^|]+) \| [^|]+ \|$/gm),
  ([, codes, statuses]) => ({
    patterns: Array.from(codes!.matchAll(/`([^`]+)`/g), ([, pattern]) => pattern!),
    statuses: statuses!.split(', '),
  }),
);

const matches = (pattern: string, code: string): boolean =>
  pattern.endsWith('*') ? code.startsWith(pattern.slice(0, -1)) : code === pattern;

t.test('every code has its row, and only one', async (t) => {
  t.ok(rows.length > 20, 'the rows are found');
  for (const { code } of allFaults()) {
    const found = rows.filter(({ patterns }) => patterns.some((pattern) => matches(pattern, code)));
    t.equal(found.length, 1, code);
  }
});

t.test('every row is of codes that there are, with their statuses', async (t) => {
  for (const { patterns, statuses } of rows) {
    for (const pattern of patterns)
      t.ok(
        allFaults().some(({ code }) => matches(pattern, code)),
        pattern,
      );
    const faults = allFaults().filter(({ code }) => patterns.some((pattern) => matches(pattern, code)));
    const has = new Set(faults.map(({ status }) => (status === 0 ? 'cut' : String(status))));
    t.same([...has].sort(), statuses.toSorted(), patterns.join(', '));
  }
});
