// The pictures of the dashboard that README and docs show, taken of the demo under load. Run by hand, for some minutes: LIMPET_PICTURES=1.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { startBrowser } from '../kit/browser.ts';
import { Child } from '../kit/child.ts';
import { pinnedNode, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** How long the charts fill, s. */
const FILL_S = Number(process.env.LIMPET_PICTURES ?? 0) > 1 ? Number(process.env.LIMPET_PICTURES) : 240;
const USERS = 40;

t.test(
  'the pictures are taken',
  {
    skip: process.env.LIMPET_PICTURES === undefined ? 'LIMPET_PICTURES is not set' : false,
    timeout: 900_000,
  },
  async (t) => {
    const port = await freePort();
    const adminPort = await freePort();
    const demo = new Child(
      pinnedNode,
      ['src/main.ts', 'demo', '--port', String(port), '--admin-port', String(adminPort)],
      { owner: t },
    );
    await demo.wrote(/The page/, 60_000);
    const url = `http://127.0.0.1:${port}`;
    let over = false;
    const names = 'Ada Grace Linus Edsger Barbara Alan Margaret Dennis Radia Ken'.split(' ');
    const users = Array.from({ length: USERS }, (_, i) => live(url, names[i % names.length]!, i, () => over));
    const browser = await startBrowser(t, { viewport: { width: 1360, height: 1180 } });
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${adminPort}/`);
    const says = (pattern: RegExp): Promise<void> =>
      until(`${pattern}`, async () => pattern.test(await page.locator('#banner').innerText()));
    await until('it has users', async () => /[1-9]\d/.test(await page.locator('#pools').innerText()));
    await new Promise((resolve) => setTimeout(resolve, FILL_S * 500));
    await says(/All is well/);
    await page.emulateMedia({ colorScheme: 'dark' });
    await new Promise((resolve) => setTimeout(resolve, FILL_S * 300));
    await says(/All is well/);
    await page.screenshot({ path: join(ROOT, 'docs/dashboard-dark.png') });
    await page.emulateMedia({ colorScheme: 'light' });

    await page.getByRole('button', { name: 'Drain apps/amber' }).click();
    await page.getByRole('button', { name: 'Drain amber' }).click();
    await page.getByRole('button', { name: 'End sessions …' }).click();
    await page.getByLabel('User', { exact: true }).fill('Radia');
    await page.getByLabel('Reason').fill('lost laptop');
    await page.getByRole('button', { name: 'End them' }).click();
    await page.getByRole('row', { name: /user Radia/ }).waitFor();
    const close = page.getByRole('button', { name: 'Close this note' });
    while ((await close.count()) > 0) await close.first().click();
    await fetch(`${url}/_demo/apps/teal/kill`, { method: 'POST', headers: { 'x-limpet-demo': 'yes' } });
    await says(/apps\/teal is down/);
    await new Promise((resolve) => setTimeout(resolve, FILL_S * 200));
    await page.evaluate('document.activeElement.blur(); scrollTo(0, 0)');
    await page.mouse.move(1, 1);
    await page.screenshot({ path: join(ROOT, 'docs/dashboard.png') });
    await page.setViewportSize({ width: 360, height: 780 });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await page.evaluate('scrollTo(0, 0)');
    await page.screenshot({ path: join(ROOT, 'docs/dashboard-phone.png') });
    over = true;
    await Promise.all(users);
    await demo.kill('SIGTERM');
    t.equal(await demo.exit(), 0);
  },
);

t.test(
  'the picture of a canary is taken',
  {
    skip: process.env.LIMPET_PICTURES === undefined ? 'LIMPET_PICTURES is not set' : false,
    timeout: 300_000,
  },
  async (t) => {
    const [v1, v2] = [await startNamedApp('v1', t), await startNamedApp('v2', t)];
    // The new version is a little slower, and now and then it fails.
    v2.answer = (_request, response) => {
      response.statusCode = Math.random() < 0.08 ? 500 : 200;
      setTimeout(() => response.end(), 12);
    };
    const affinity = { cookie: { secrets: ['a secret of this picture alone'] } };
    const adminPort = await freePort();
    const limpet = await startLimpet({
      admin: { bind: `127.0.0.1:${adminPort}` },
      routes: [
        {
          pools: [
            { pool: 'v1', weight: 95 },
            { pool: 'v2', weight: 5 },
          ],
        },
      ],
      pools: {
        v1: { upstreams: [v1.url], affinity, health: calm },
        v2: { upstreams: [v2.url], affinity, health: calm },
      },
    });
    const browser = await startBrowser(t, { viewport: { width: 960, height: 900 } });
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${adminPort}/`);
    const sides = page.locator('#splits');
    await sides.waitFor();
    for (let i = 0; i < 1500; i++) await askPath(limpet.port, '/');
    t.match(await sides.innerText(), /v1[\s\S]*95 %[\s\S]*v2[\s\S]*5\.0 %/);
    await sides.screenshot({ path: join(ROOT, 'docs/dashboard-canary.png') });
    await limpet.stop();
  },
);

/** A user who has a home, logs in to the second scene, and asks now and then. */
async function live(url: string, name: string, i: number, over: () => boolean): Promise<void> {
  let home = '';
  let login = '';
  for (let turn = 0; !over(); turn++) {
    try {
      const answer = await fetch(`${url}/me`, home === '' ? {} : { headers: { cookie: home } });
      await answer.text();
      home = answer.headers.getSetCookie()[0]?.split(';')[0] ?? home;
      if (turn % 40 === 0 && i % 8 !== 0) {
        const told = await fetch(`${url}/members/login`, { method: 'POST', body: name });
        login = told.headers.getSetCookie()[0]?.split(';')[0] ?? login;
        await told.text();
      }
      const member = await fetch(`${url}/members/me`, { headers: { cookie: login } });
      await member.text();
    } catch {
      // An app that is killed may cost an answer; the next turn tells.
    }
    // Everybody at a pace of his own, and all of them in waves.
    const wave = 1 + 0.5 * Math.sin(Date.now() / 23_000);
    await new Promise((resolve) => setTimeout(resolve, (150 + 30 * (i % 9)) * wave));
  }
}
