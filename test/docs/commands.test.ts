// Whoever follows a page of the docs word by word gets what it says: every command is typed, every file written, all output compared.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { loadConfigText } from '../../src/config/load.ts';
import { environmentFor, fileFor, wholeConfig } from '../kit/shown-config.ts';
import { readPage, type ShownCommands, type Step } from './page.ts';
import { Terminal } from './terminal.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The pages, and how many of their blocks of commands are not run at most: each has its reason beside it, and more need one here. */
const PAGES: Readonly<Record<string, number>> = {
  // The demo runs until it is stopped, and the tests are these; a drill, drains, reloads and ended sessions have pages or tests of their own.
  'README.md': 5,
  'docs/README.md': 0,
  'docs/first-day.md': 0,
  // One installs from the registry.
  'docs/socket-io.md': 1,
  // One installs from the registry.
  'docs/phantom-token.md': 1,
  'docs/zero-loss-deploys.md': 0,
  'docs/dashboard.md': 0,
  'docs/choosing-a-balancer.md': 0,
  'docs/why-was-my-request-refused.md': 0,
  'docs/tuning.md': 0,
  'docs/from-sticky-to-stateless.md': 0,
  // An engine and a cluster are not at hand; test/packaging shows what can be shown without.
  'docs/running-in-containers.md': 5,
  'docs/threat-model.md': 0,
  'docs/revocation.md': 0,
  'docs/store-outage.md': 0,
  // One installs from the registry.
  'docs/tracing.md': 1,
  'docs/tls.md': 0,
  // One installs from the registry.
  'docs/acme.md': 1,
  'docs/access-log.md': 0,
  'docs/canary.md': 0,
  'docs/reload.md': 0,
  'docs/proxy-protocol.md': 0,
  'docs/restart.md': 0,
  'docs/rate-limits.md': 0,
  'docs/admin-api.md': 0,
  'docs/command-line.md': 0,
};

/** Pages whose commands put load on for seconds or minutes, and the tests of the programs that they start. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'docs/benchmarks.md': 'test/bench',
  'docs/drill.md': 'test/drill',
  'docs/fuzzing.md': 'test/fuzz',
  'docs/simulation.md': 'test/simulation',
  'docs/soak.md': 'test/soak',
};

t.test('no page has commands that nobody looks after', async (t) => {
  const folders = ['docs', 'docs/sessions'];
  const pages = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`),
  );
  for (const page of pages.filter((name) => name.endsWith('.md'))) {
    if (page in PAGES || !readFileSync(join(ROOT, page), 'utf8').includes('```sh\n')) continue;
    t.ok(existsSync(join(ROOT, ELSEWHERE[page] ?? 'none')), `${page}: add it to PAGES, or say who tests it`);
  }
});

/** What a reader of the first has done is still there for the second: a build takes its time. */
const CONTINUES: Readonly<Record<string, string>> = { 'docs/README.md': 'README.md' };

/** Those who read now, by the page that they began with. */
const readers = new Map<string, Terminal>();

/** How many pages are followed at the same time, each at a terminal and on ports of its own: most of a page is waiting for what it starts. */
const READERS = 2;

/** One page alone, by the environment: for its writer. */
const only = process.env.LIMPET_DOCS_PAGE;

t.jobs = READERS;
for (const [page, notRunMost] of Object.entries(PAGES)) {
  if (only !== undefined && only !== page && CONTINUES[only] !== page) continue;
  const buffered = !(page in CONTINUES || Object.values(CONTINUES).includes(page));
  // A test that is not buffered has the stage for itself, and its place in the order.
  t.test(page, { buffered }, async (t) => {
    const steps = readPage(readFileSync(join(ROOT, page), 'utf8'));
    const typed = steps.filter((step): step is ShownCommands => step.kind === 'commands');
    const notRun = typed.filter((step) => step.notRun !== null);
    t.equal(notRun.length, notRunMost, 'as many are left out as were agreed on');
    for (const step of steps) checkConfig(t, page, step);
    if (typed.length > notRun.length) await follow(t, page, steps);
  });
}

/** Does what the page says, step by step; ends at the first that is not true, since what follows builds on it. */
async function follow(t: Test, page: string, steps: readonly Step[]): Promise<void> {
  const terminal = readers.get(CONTINUES[page] ?? '') ?? (await openTerminal(page));
  for (const step of steps) {
    if (step.kind === 'file') {
      if (step.name !== null) terminal.write(step.name, step.text);
      continue;
    }
    if (step.notRun !== null) continue;
    const complaint = await terminal.type(step);
    t.equal(complaint, null, `${page}:${step.line}: ${step.text.split('\n', 1)[0]}`);
    if (complaint !== null) break;
  }
  if (!Object.values(CONTINUES).includes(page)) await terminal.close();
}

async function openTerminal(page: string): Promise<Terminal> {
  const scratch = mkdtempSync(join(tmpdir(), 'limpet-docs-'));
  t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
  const terminal = await Terminal.open(join(scratch, 'here'), page.endsWith('README.md'), t);
  readers.set(page, terminal);
  return terminal;
}

/** A config that is shown is one: without errors, and without warnings where it is whole. */
function checkConfig(t: Test, page: string, step: Step): void {
  if (step.kind !== 'file' || step.language !== 'yaml') return;
  const { text } = step;
  const { problems } = loadConfigText(
    wholeConfig(text),
    join(ROOT, 'limpet.yaml'),
    environmentFor(text),
    fileFor,
  );
  const errors = problems.filter(({ severity }) => severity === 'error');
  t.same(errors, [], `${page}:${step.line}: a config that Limpet takes`);
}
