// The dashboard as axe-core judges it: no serious or critical fault, light and dark, wide and narrow, well and unwell.
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { startBrowser } from '../kit/browser.ts';
import { startLimpet } from '../kit/limpet.ts';
import { askPath, calm, type NamedApp, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const AXE = fileURLToPath(import.meta.resolve('axe-core/axe.min.js'));

interface Fault {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** More than a pool shows unasked. */
const FLEET = 20;
const apps: NamedApp[] = [];
for (const name of ['blue', 'green', 'grey']) apps.push(await startNamedApp(name, t));
const adminPort = await freePort();
const limpet = await startLimpet({
  admin: {
    bind: `127.0.0.1:${adminPort}`,
    tokens: [{ name: 'ops', token: 'a-token-for-everything', access: 'full' }],
  },
  sessions: {
    site: {
      verify: 'signed-cookie',
      cookie: 'sid',
      secrets: ['a secret of this test alone'],
      require: 'session',
    },
  },
  routes: [
    { path: '/', pool: 'shop' },
    { path: '/api', pool: 'shop', session: 'site' },
    {
      path: '/new',
      pools: [
        { pool: 'shop', weight: 95 },
        { pool: 'next', weight: 5 },
      ],
    },
    { path: '/fleet', pool: 'fleet' },
  ],
  pools: {
    next: { upstreams: [{ name: 'canary', url: apps[1]!.url }], health: calm },
    fleet: {
      upstreams: Array.from({ length: FLEET }, (_, i) => ({ name: `node-${i}`, url: apps[1]!.url })),
      health: calm,
    },
    shop: {
      upstreams: apps.map(({ name, url }) => ({ name, url })),
      health: { ...calm, active: { interval: '300ms', timeout: '5s', unhealthyAfter: 1 } },
    },
  },
});
// The one place where the test's own script is let into the page; dashboard.test.ts says what the page itself may do.
const browser = await startBrowser(t, { bypassCSP: true });
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${adminPort}/`);

async function faults(): Promise<string[]> {
  await page.addScriptTag({ path: AXE });
  const { violations } = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as {
    violations: readonly Fault[];
  }; // axe's own form
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}
const says = (pattern: RegExp): Promise<void> =>
  until(`${pattern}`, async () => pattern.test(await page.locator('#banner').innerText()));

t.test('the sign-in', async (t) => {
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  t.same(await faults(), []);
  await page.getByLabel('Token').fill('a-token-for-everything');
  await page.getByRole('button', { name: 'Sign in' }).click();
});

t.test('all well, in the dark', async (t) => {
  for (let i = 0; i < 6; i++) await askPath(limpet.port, i % 2 === 0 ? '/' : '/api');
  await says(/All is well/);
  await page.emulateMedia({ colorScheme: 'dark' });
  t.same(await faults(), []);
});

t.test('with troubles, a drained and a disabled one, a revocation and a note', async (t) => {
  const change = (name: string, wanted: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${adminPort}/api/v1/upstreams/shop/${name}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json', authorization: 'Bearer a-token-for-everything' },
      body: JSON.stringify({ wanted }),
    });
  await apps[0]!.stop();
  await change('grey', 'maintenance');
  await says(/shop\/blue is (down|ejected)/);
  await page.getByRole('button', { name: 'Drain shop/green' }).click();
  await page.getByRole('button', { name: 'Drain green' }).click();
  await page.getByRole('button', { name: 'End sessions …' }).click();
  t.same(await faults(), [], 'the form');
  await page.getByLabel('User', { exact: true }).fill('Ada');
  await page.getByRole('button', { name: 'End them' }).click();
  await page.getByRole('row', { name: /user Ada/ }).waitFor();
  await says(/takes no new users/);
  t.same(await faults(), [], 'in the dark');
  await page.emulateMedia({ colorScheme: 'light' });
  t.same(await faults(), [], 'in the light');
});

t.test('with a canary whose new side is in maintenance, and the question before it', async (t) => {
  const sides = page.locator('#split-list');
  await until('both sides are there', async () =>
    /shop[\s\S]*95[\s\S]*next[\s\S]*5/.test(await sides.innerText()),
  );
  t.ok(await page.getByRole('link', { name: 'Canaries' }).isVisible());
  await page.getByRole('button', { name: 'Disable pool next' }).click();
  t.same(await faults(), [], 'the question');
  await page.keyboard.press('Enter');
  await says(/Pool next is in maintenance/);
  t.same(await faults(), []);
});

t.test('with many instances: those that need a look, and all of them for who asks', async (t) => {
  const rows = page.locator('tr[id^=upstream-fleet-]');
  t.equal(await rows.count(), 12);
  const more = page.getByRole('button', { name: 'Show 8 more that are up' });
  await fetch(`http://127.0.0.1:${adminPort}/api/v1/upstreams/fleet/node-17`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', authorization: 'Bearer a-token-for-everything' },
    body: JSON.stringify({ wanted: 'drain' }),
  });
  await page.locator('#upstream-fleet-node-17').waitFor();
  t.equal(await rows.count(), 12, 'one that is well made room');
  await more.focus();
  await page.keyboard.press('Enter');
  await page.locator('#upstream-fleet-node-19').waitFor();
  t.equal(await rows.count(), FLEET);
  t.same(await faults(), []);
  await page.getByRole('button', { name: 'Show fewer' }).click();
  t.equal(await rows.count(), 12);
});

t.test('on a phone', async (t) => {
  await page.setViewportSize({ width: 360, height: 740 });
  t.equal(await page.evaluate('Math.max(0, document.documentElement.scrollWidth - innerWidth)'), 0);
  const errors = page.locator('#split-list td[data-head=Errors]').last();
  const box = (await errors.boundingBox())!; // it is shown
  t.ok(box.x >= 0 && box.x + box.width <= 360, 'the errors of a canary are not cut off');
  t.same(await faults(), []);
});

t.test('disconnected', async (t) => {
  await limpet.kill();
  await page.getByText('Disconnected').waitFor();
  t.same(await faults(), []);
});
