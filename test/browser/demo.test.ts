// The demo as its user sees it: a real browser, real kills, and the pictures that the README shows. LIMPET_PICTURES=1 makes those anew.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import t from 'tap';
import { complaintsOf, startBrowser } from '../kit/browser.ts';
import { freePort } from '../kit/ports.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const port = await freePort();
const adminPort = await freePort();
const demo: ChildProcess = spawn(
  process.execPath,
  [join(ROOT, 'src/main.ts'), 'demo', '--port', String(port), '--admin-port', String(adminPort)],
  { stdio: ['ignore', 'pipe', 'pipe'] },
);
const exited = new Promise<number | null>((resolve) => demo.once('exit', (code) => resolve(code)));
let said = '';
demo.stdout?.on('data', (text) => {
  said += text;
});
t.teardown(() => demo.kill('SIGKILL'));
const browser = await startBrowser(t, { viewport: { width: 1280, height: 860 } });
await waitFor(async () => said.includes('/api/v1/upstreams'), 'the demo says where its page is');
const page = await browser.newPage();
const complaints = complaintsOf(page);
await page.goto(`http://127.0.0.1:${port}/`);

async function waitFor(holds: () => Promise<boolean>, what: string, ms = 15_000): Promise<void> {
  const until = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > until) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const text = (p: Page, selector: string): Promise<string> => p.locator(selector).innerText();
const number = async (selector: string): Promise<number> => Number.parseInt(await text(page, selector), 10);
const act = (app: string, what: string): Promise<void> =>
  page.getByRole('button', { name: `${what} ${app}` }).click();
const state = (app: string): Promise<string> => text(page, `li[data-app=${app}] .state`);
/** Waits until `n` more requests have been answered, so that what follows has been tried. */
async function moreAnswers(n: number): Promise<void> {
  const before = await number('#answered');
  await waitFor(async () => (await number('#answered')) >= before + n, `${n} more answers`);
}

/** Written only where that is asked for: a run of the tests changes no file of the repository. */
async function picture(name: string): Promise<void> {
  const asked = process.env.LIMPET_PICTURES !== undefined;
  const bytes = await page.screenshot(asked ? { path: join(ROOT, 'docs', `${name}.png`) } : {});
  t.ok(bytes.length > 10_000, `${name} shows something`);
}

t.test('a login stands while the other apps are killed and hung', async (t) => {
  await page.fill('#name', 'Grace');
  await page.getByRole('button', { name: 'Log in' }).click();
  await waitFor(async () => (await text(page, '#login-state')).includes('Logged in as Grace'), 'the login');
  const home = await text(page, '#app');
  const others = ['coral', 'amber', 'teal'].filter((name) => name !== home);
  await act(others[0]!, 'kill');
  await act(others[1]!, 'hang');
  await waitFor(async () => (await state(others[0]!)).includes('killed'), 'the kill is shown');
  await waitFor(async () => (await state(others[1]!)).includes('hung'), 'the hang is shown');
  await moreAnswers(10);
  t.equal(await text(page, '#app'), home, 'the same app answers');
  t.match(await text(page, '#login-state'), /Logged in as Grace/);
  t.equal(await number('#failed'), 0, 'no request failed');
  t.equal(await number('#moves'), 0, 'nobody moved');
  await picture('demo');
  for (const name of others) await act(name, 'revive');
  await waitFor(async () => (await state(others[0]!)).includes('Limpet says up'), 'the killed one is back');
  await waitFor(async () => (await state(others[1]!)).includes('Limpet says up'), 'the hung one is back');
});

t.test('the own app killed: no request fails, and the lost login is told honestly', async (t) => {
  const home = await text(page, '#app');
  await act(home, 'kill');
  await waitFor(async () => (await text(page, '#app')) !== home, 'another app answers');
  await moreAnswers(5);
  t.match(await text(page, '#login-state'), /memory with it. No request failed/);
  t.equal(await number('#failed'), 0);
  await act(home, 'revive');
});

t.test('the own app hung: no request fails', async (t) => {
  await waitFor(async () => (await state('teal')).includes('Limpet says up'), 'teal is up');
  const home = await text(page, '#app');
  await act(home, 'hang');
  await waitFor(async () => (await text(page, '#app')) !== home, 'another app answers');
  await moreAnswers(5);
  t.equal(await number('#failed'), 0);
  await act(home, 'revive');
});

t.test(
  'the second scene: the switch closes the open pages of a user, and a new login works at once',
  async (t) => {
    await page.getByRole('link', { name: 'The second scene' }).click();
    await waitFor(
      async () => (await text(page, '#login-state')).includes('Nobody is logged in'),
      'nobody is logged in here',
    );
    const open = async (): Promise<number> => page.locator('li .state', { hasText: /^open at/ }).count();
    const logIn = async (): Promise<void> => {
      await page.fill('#name', 'Grace');
      await page.getByRole('button', { name: 'Log in' }).click();
      await waitFor(async () => (await open()) === 3, 'three pages are open');
    };
    await logIn();
    t.match(await text(page, '#login-state'), /was told by Limpet: this is Grace \(valid\)/);
    await page.getByRole('button', { name: 'End all sessions' }).click();
    await waitFor(async () => (await open()) === 0, 'all are closed');
    await waitFor(
      async () => (await text(page, '#login-state')).includes('The session of Grace was ended'),
      'and the page knows',
    );
    t.match(await text(page, '#told'), /closed the open pages within \d+ ms/);
    await picture('demo-sessions');
    await logIn();
    t.match(await text(page, '#login-state'), /this is Grace \(valid\)/, 'a login after it is a new one');
    // What the browser itself says of answers that were cut or refused, which is what this scene is about.
    for (let i = complaints.length - 1; i >= 0; i--)
      if (/401|ERR_INCOMPLETE_CHUNKED_ENCODING/.test(complaints[i]!)) complaints.splice(i, 1);
  },
);

t.test('the page fits a phone, and nothing complains', async (t) => {
  await page.setViewportSize({ width: 360, height: 780 });
  for (const scene of ['/members/', '/']) {
    await page.goto(`http://127.0.0.1:${port}${scene}`);
    await page.locator('li').first().waitFor();
    const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    t.ok(Number(overflow) <= 0, `nothing sticks out of ${scene}`);
  }
  await moreAnswers(3);
  await picture('demo-phone');
  t.same(complaints, []);
});

t.test('SIGTERM ends the demo and everything that it started', async (t) => {
  demo.kill('SIGTERM');
  t.equal(await exited, 0);
  await t.rejects(fetch(`http://127.0.0.1:${port}/`), 'nobody listens any more');
});
