// The same recorded requests through `http-proxy` and through Limpet: both ends see the same, but for what the table lists.
//
// `DIFFERENTIAL=text node test/differential/differential.test.ts` runs only the shapes whose names hold the text.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { differentialDocs } from '../../build/differential-docs.ts';
import { Child } from '../kit/child.ts';
import { unwatched } from '../kit/judge.ts';
import { pinnedNode, startLimpet } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';
import { RawUpstream } from '../kit/raw-upstream.ts';
import { ALL_GROUPS } from './all-shapes.ts';
import { DIFFERENCES } from './differences.ts';
import { observeClient, observeWire, type Side } from './observe.ts';
import { judge } from './report.ts';
import { filler, type Shape } from './shape.ts';
import { Wiretap } from './wiretap.ts';

// Every wait has a bound of its own; the run as a whole takes as long as the machine needs.
t.setTimeout(0);
const wanted = process.env.DIFFERENTIAL ?? '';
const oracle = await startOracle();
const limpet = await startLimpetSide();
const tap = await Wiretap.listen(t);
const folder = mkdtempSync(join(tmpdir(), 'limpet-differential-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'small.txt'), 'a small file\n');
writeFileSync(join(folder, 'large.bin'), filler(1 << 20));

async function startOracle(): Promise<Side> {
  const upstream = await RawUpstream.listen();
  const port = await freePort();
  const program = fileURLToPath(new URL('oracle-server.ts', import.meta.url));
  const child = new Child(pinnedNode, [program, String(port), String(upstream.port)]);
  await child.wrote(/^ready$/m);
  return { name: 'http-proxy', port, upstream };
}

/** As it comes, but for the checks of health, whose probes would stand among the requests. */
async function startLimpetSide(): Promise<Side> {
  const upstream = await RawUpstream.listen();
  const { port } = await startLimpet({ upstreams: [upstream.url], health: unwatched });
  return { name: 'Limpet', port, upstream };
}

async function observeBoth(shape: Shape) {
  if (!('call' in shape)) return Promise.all([observeWire(shape, oracle), observeWire(shape, limpet)]);
  // One after the other, since the client calls the same address through both.
  const first = await observeClient(shape, oracle, tap, folder);
  return [first, await observeClient(shape, limpet, tap, folder)] as const;
}

const used = new Set<string>();
for (const { title, shapes } of ALL_GROUPS) {
  t.test(title, async (t) => {
    for (const shape of shapes.filter(({ name }) => name.includes(wanted))) {
      try {
        const judgement = judge(shape, ...(await observeBoth(shape)));
        for (const id of judgement.used) used.add(id);
        if (judgement.complaint === '') t.pass(shape.name);
        else t.fail(shape.name, { found: judgement.complaint.split('\n'), stack: '', source: '' });
      } catch (error) {
        t.fail(`${shape.name}: ${(error as Error).message}`);
      }
    }
  });
}

t.test('every listed difference shows somewhere', { skip: wanted !== '' }, async (t) => {
  t.same(
    Object.keys(DIFFERENCES).filter((id) => !used.has(id)),
    [],
  );
});

t.test('there are at least 200 shapes, and no two have the same name', async (t) => {
  const names = ALL_GROUPS.flatMap(({ shapes }) => shapes.map(({ name }) => name));
  t.ok(names.length >= 200, `${names.length} shapes`);
  t.same(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  );
});

t.test('every kind of traffic that apps have is among them', async (t) => {
  const names = ALL_GROUPS.flatMap(({ title, shapes }) => shapes.map(({ name }) => `${title}: ${name}`));
  for (const [kind, pattern] of [
    ['methods', /^Methods: /],
    ['bodies', /^Bodies: /],
    ['encodings', /^Content codings: /],
    ['headers', /^Fields of requests: /],
    ['ranges', /^Ranges and conditions: .*range/i],
    ['uploads by real clients', /^Real clients: .*(?:FormData|-T|-F|PUT|file)/],
    ['cookies', /^Cookies: /],
    ['redirects', /redirect|30[12378]/i],
    ['streams', /^Streams and interim answers: /],
    ['upgrades', /^Upgrades: /],
  ] as const) {
    const count = names.filter((name) => pattern.test(name)).length;
    t.ok(count >= 3, `${kind}: ${count}`);
  }
});

t.test('docs/differential.md says what the table says', async (t) => {
  const page = readFileSync(new URL('../../docs/differential.md', import.meta.url), 'utf8');
  t.equal(page, differentialDocs(), 'written anew by `node build/differential-docs.ts`');
});
