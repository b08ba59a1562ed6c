// A page of another site in the operator's browser: it reads nothing of an admin side without tokens, and may link to its page.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import t from 'tap';
import { startBrowser } from '../kit/browser.ts';
import { startLimpet } from '../kit/limpet.ts';
import { until } from '../kit/named-app.ts';

const limpet = await startLimpet({ routes: [{ path: '/', respond: { body: 'x' } }] });
const admin = new URL(limpet.adminUrl);
const foreign = createServer((_request, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.end(`<!doctype html><title>elsewhere</title><a href="${admin.origin}/">the dashboard</a>
    <a href="${admin.origin}/api/v1/config">the config</a>`);
});
await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
t.teardown(() => foreign.close());
const { port } = foreign.address() as AddressInfo; // it listens on TCP
const browser = await startBrowser(t);

/** Statuses of the admin side's answers, by path: as they came over the wire, since what a page may not see is told of nowhere else. */
async function answersTo(page: Page): Promise<Map<string, number>> {
  const answers = new Map<string, number>();
  const paths = new Map<string, string>();
  const statuses = new Map<string, number>();
  const join = (requestId: string): void => {
    const path = paths.get(requestId);
    const status = statuses.get(requestId);
    if (path !== undefined && status !== undefined) answers.set(path, status);
  };
  // The two come from two processes of the browser, in any order.
  const wire = await browser.newCDPSession(page);
  wire.on('Network.requestWillBeSent', ({ requestId, request }) => {
    const url = new URL(request.url);
    if (url.port === admin.port) paths.set(requestId, url.pathname);
    join(requestId);
  });
  wire.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) => {
    statuses.set(requestId, statusCode);
    join(requestId);
  });
  await wire.send('Network.enable');
  return answers;
}

// To the browser, another port of the same address is the same site; another name of it is another one.
for (const [what, host] of [
  ['the same site', '127.0.0.1'],
  ['another site', 'localhost'],
] as const)
  t.test(`from ${what} nothing is answered but a visit to the page`, { timeout: 120_000 }, async (t) => {
    const page = await browser.newPage();
    const answers = await answersTo(page);
    await page.goto(`http://${host}:${port}/`);
    // Without an origin in the request: a fetch that cannot read its answer, a picture and a script.
    await page.evaluate(`Promise.all([
      fetch('${admin.origin}/api/v1/upstreams', { mode: 'no-cors' }).catch(() => {}),
      new Promise((done) => {
        const picture = new Image();
        picture.onload = picture.onerror = done;
        picture.src = '${admin.origin}/metrics';
      }),
      new Promise((done) => {
        const script = document.createElement('script');
        script.onload = script.onerror = done;
        script.src = '${admin.origin}/api/v1/status';
        document.head.append(script);
      }),
      fetch('${admin.origin}/api/v1/sessions').catch(() => {}),
    ])`);
    for (const path of ['/api/v1/upstreams', '/metrics', '/api/v1/status', '/api/v1/sessions']) {
      await until(`an answer to ${path}`, () => answers.has(path));
      t.equal(answers.get(path), 403, path);
    }
    await page.getByText('the config').click();
    await page.waitForURL(/api\/v1\/config/);
    t.match(await page.locator('body').innerText(), /origin\.foreign/);
    await page.goto(`http://${host}:${port}/`);
    await page.getByText('the dashboard').click();
    await page.getByText('All is well').first().waitFor();
    await until('its script', () => answers.has('/page/page.js'));
    t.ok([200, 304].includes(answers.get('/page/page.js')!), 'which then asks for what it needs');
    await page.close();
  });

t.test('the end', async (t) => {
  t.equal(await limpet.stop(), 0);
});
