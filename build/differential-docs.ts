// Writes docs/differential.md from the table of listed differences and from the recorded shapes, which the differential test runs.
import { writeFileSync } from 'node:fs';
import { ALL_GROUPS } from '../test/differential/all-shapes.ts';
import type { Difference } from '../test/differential/difference.ts';
import { ANSWER_DIFFERENCES } from '../test/differential/differences/answers.ts';
import { REFUSAL_DIFFERENCES } from '../test/differential/differences/refusals.ts';
import { REQUEST_DIFFERENCES } from '../test/differential/differences/requests.ts';

function rows(table: Readonly<Record<string, Difference>>): string {
  const shown = Object.entries(table).map(([id, { oracle, limpet, rule, everywhere }]) => {
    const cells = [`\`${id}\`${everywhere ? ' (in most shapes)' : ''}`, oracle, limpet, rule];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| difference | `http-proxy` | Limpet | rule |', '|---|---|---|---|', ...shown].join('\n');
}

/** The page. */
export function differentialDocs(): string {
  const groups = ALL_GROUPS.map(({ title, shapes }) => `| ${title} | ${shapes.length} |`);
  const count = ALL_GROUPS.reduce((sum, { shapes }) => sum + shapes.length, 0);
  return `# Beside \`http-proxy\`

\`test/differential\` sends the same requests through [\`http-proxy\`](https://github.com/http-party/node-http-proxy), on Node’s own strict HTTP parser, and through
Limpet with its default config. Behind each stands an upstream that writes down every byte. What the upstream gets and what the client gets must be the
same through both, but for the differences that are listed here. A difference that is not listed fails the test; so does a listed one that no longer shows, or a shape that does not show what it names.

## What is compared

| ${count} shapes | |
|---|---|
${groups.join('\n')}

- **At the upstream**: how many whole requests; of each its method, target and version, every field with all its lines, the letters and the order of names, how the
  body is framed, its digest, its trailers. Behind a switch of protocols: the bytes of the tunnel.
- **At the client**: interim answers, then of each answer its version, status and reason, its fields as above, framing, digest of the body, trailers; whether
  the connection goes on, closes or is reset. Where it goes on, another request is sent on it, and its answer has to be the very next bytes. Of real clients (curl, fetch, \`node:http\`, Python, \`ws\`) also what they make of it.
- **Not compared**: where chunks and packets are cut, and the text of a proxy’s own error pages, of which the status counts. Keys and boundaries that clients draw anew are made equal,
  and so is a \`Date\` of now.

The oracle runs with \`xfwd\`, \`preserveHeaderKeyCase\` and a keep-alive agent, as one in production would. It is helped where it would hang or end: a failed upstream is answered with 502, an
answer that is cut cuts the client’s, and an exception that nobody catches ends its connections and not the process. Limpet runs without its checks of health, whose probes would stand among the requests.

## Requests as they reach the upstream

${rows(REQUEST_DIFFERENCES)}

## Answers and connections

${rows(ANSWER_DIFFERENCES)}

## Refusals

What the codes mean is in [errors.md](errors.md).

${rows(REFUSAL_DIFFERENCES)}

This page is written by \`node build/differential-docs.ts\`.
`;
}

if (process.argv[1]?.endsWith('differential-docs.ts')) {
  writeFileSync(new URL('../docs/differential.md', import.meta.url), differentialDocs());
}
