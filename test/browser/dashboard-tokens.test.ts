// The dashboard where a token is asked for: it signs in, says what a token may not do, and forgets it when the tab is closed.
import t from 'tap';
import { complaintsOf, startBrowser } from '../kit/browser.ts';
import { startLimpet } from '../kit/limpet.ts';
import { calm, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const app = await startNamedApp('blue', t);
const adminPort = await freePort();
await startLimpet({
  admin: {
    bind: `127.0.0.1:${adminPort}`,
    tokens: [
      { name: 'wallboard', token: 'a-token-for-looking-only', access: 'read' },
      { name: 'nightshift', token: 'a-token-for-everything', access: 'full' },
    ],
  },
  pools: { shop: { upstreams: [{ name: app.name, url: app.url }], health: calm } },
});
const adminUrl = `http://127.0.0.1:${adminPort}`;
const browser = await startBrowser(t);
const page = await browser.newPage();
const complaints = complaintsOf(page);
await page.goto(`${adminUrl}/`);

const text = (selector: string): Promise<string> => page.locator(selector).innerText();
const button = (name: string) => page.getByRole('button', { name, exact: true });
async function signIn(token: string): Promise<void> {
  await page.getByLabel('Token').fill(token);
  await button('Sign in').click();
}

t.test('the page needs no token, what it shows does', async (t) => {
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  t.notOk(await page.locator('#house').isVisible());
  t.equal((await fetch(`${adminUrl}/api/v1/live`)).status, 401);
  t.equal((await fetch(`${adminUrl}/`)).status, 401, 'nor does who wants no page get the pointer without');
  t.equal((await fetch(`${adminUrl}/page/page.js`)).status, 200);
  t.equal((await fetch(`${adminUrl}/page/..%2fserver.ts`)).status, 404, 'and there is nothing but the page');
});

t.test('a wrong token is refused in words', async (t) => {
  await signIn('not-the-token');
  await until('it says so', async () => /not one of admin\.tokens/.test(await text('#sign-in-fault')));
  t.notOk(await page.locator('#house').isVisible());
});

t.test('a token that may read only sees everything, and why it may change nothing', async (t) => {
  await signIn('a-token-for-looking-only');
  await until('all is well', async () => /All is well/.test(await text('#banner')));
  t.match(
    await text('#read-only'),
    /The token "wallboard" may read only; a change needs one with access: full\./,
  );
  for (const name of ['Drain shop/blue', 'Disable shop/blue', 'Weight of shop/blue: 1. Change it']) {
    t.ok(await button(name).isDisabled(), name);
    t.match(await button(name).getAttribute('title'), /may read only/);
  }
  t.equal(await text('#who'), 'wallboard');
});

t.test('the token lives as long as the tab, and in it alone', async (t) => {
  await page.reload();
  await until('still signed in', async () => /All is well/.test(await text('#banner')));
  t.same(await browser.cookies(), [], 'no cookie');
  t.equal(await page.evaluate('Object.keys(localStorage).join()'), '');
  const other = await browser.newPage();
  await other.goto(`${adminUrl}/`);
  await other.getByRole('heading', { name: 'Sign in' }).waitFor();
  await other.close();
});

t.test('signed out, and in again with one that may do everything', async (t) => {
  await button('Sign out').click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await signIn('a-token-for-everything');
  await button('Drain shop/blue').click();
  t.match(await text('#ask-text'), /the last one of its pool/);
  await button('Drain blue').click();
  const row = page.locator('[id="upstream-shop-blue"] .word');
  await until('it drains', async () => /draining/.test(await row.innerText()));
  t.match(await text('#who'), 'nightshift');
  t.notOk(await page.locator('#read-only').isVisible());
  // The refusals that were meant are told by the browser too.
  t.same(
    complaints.filter((complaint) => !/status of 401/.test(complaint)),
    [],
  );
});
