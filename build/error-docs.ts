// Writes docs/errors.md from the tables of faults, so that every code is explained in the words that the proxy itself uses.
import { writeFileSync } from 'node:fs';
import type { Fault } from '../src/base/fault.ts';
import { PROXY_FAULT } from '../src/proxy/faults.ts';
import { UPSTREAM_FAULT } from '../src/upstream/faults.ts';
import { ALL_REFUSALS } from '../src/wire/refusals.ts';

/** Every fault by its code, in alphabetical order. */
export function allFaults(): Fault[] {
  const faults = [...ALL_REFUSALS, ...Object.values(UPSTREAM_FAULT), ...Object.values(PROXY_FAULT)];
  const byCode = new Map(faults.map((fault) => [fault.code, fault]));
  return [...byCode.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
}

const RETRY: Readonly<Record<Fault['retry'], string>> = {
  always: 'yes, any method: nothing was sent',
  reused: 'once, on a fresh connection, if the method may be repeated',
  idempotent: 'elsewhere, if the method may be repeated',
  never: 'no',
};

/** The page. */
export function errorDocs(): string {
  const rows = allFaults().map(
    ({ code, status, side, retry, text }) =>
      `| \`${code}\` | ${status === 0 ? 'cut' : status} | ${side} | ${RETRY[retry]} | ${text} |`,
  );
  return `# Errors

Every refusal and failure has a code. It stands in the access log (\`fault\`), in the JSON body of the answer where the client prefers JSON and its head was
understood (\`error.code\`), and, for what was refused, in \`limpet_refused_total{code}\`. What to do about which
stands in [why was my request refused?](why-was-my-request-refused.md). *Status* is what the client is answered; \`cut\` means that an answer had begun or nobody is there to
read one, so the connection ends in a way that can't be taken for a complete message. *Whose* is who has to mend it: \`client\`, \`upstream\` (the app's instance
or the way to it) or \`limpet\` (its bounds, or the set of instances as a whole).

| code | status | whose | tried again? | what is wrong |
|---|---|---|---|---|
${rows.join('\n')}

This page is written by \`node build/error-docs.ts\`.
`;
}

if (process.argv[1]?.endsWith('error-docs.ts')) {
  writeFileSync(new URL('../docs/errors.md', import.meta.url), errorDocs());
}
