// Writes docs/metrics.md from the table of metrics, so that the page has every one, in the words that /metrics itself uses.
import { writeFileSync } from 'node:fs';
import { BUCKET_BOUNDS_S, METRICS, type MetricDefinition } from '../src/observe/names.ts';

/** The page. */
export function metricDocs(): string {
  const rows = Object.entries<MetricDefinition>(METRICS).map(([name, { kind, labels, help }]) => {
    const told = labels.length === 0 ? '' : labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${kind} | ${told} | ${help.replaceAll('|', '\\|')} |`;
  });
  return `# Metrics

\`/metrics\` of the admin side, and of \`admin.probes\`, tells these to Prometheus; all count over all workers as if there were one. Every label of a row is always there.
\`route\`, \`pool\`, \`upstream\`, \`session\` and \`listener\` are names of the config; \`code\` of \`limpet_requests_total\` is a status, that of \`limpet_refused_total\` one of
[the codes of errors](errors.md). Counters begin at 0 with the process. CPU, memory, descriptors and
the event loop of the process are told too, under the names that they have everywhere (\`process_…\`, \`nodejs_…\`).

| metric | kind | labels | what it tells |
|---|---|---|---|
${rows.join('\n')}

The buckets of the histograms end at ${BUCKET_BOUNDS_S.join(', ')} s.

This page is written by \`node build/metric-docs.ts\`.
`;
}

if (process.argv[1]?.endsWith('metric-docs.ts')) {
  writeFileSync(new URL('../docs/metrics.md', import.meta.url), metricDocs());
}
