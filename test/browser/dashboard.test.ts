// The dashboard as an operator uses it, in a real browser over a real proxy: what is wrong is seen, and every change can be taken back.
import { SignJWT } from 'jose';
import t from 'tap';
import { complaintsOf, startBrowser } from '../kit/browser.ts';
import { Child } from '../kit/child.ts';
import { pinnedNode, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, cookieOf, type NamedApp, startNamedApp, until } from '../kit/named-app.ts';
import { freePort } from '../kit/ports.ts';

const KEY = 'the signing key of a test, which is long enough';
const apps: NamedApp[] = [];
for (const name of ['blue', 'green']) apps.push(await startNamedApp(name, t));
const port = await freePort();
const adminPort = await freePort();
const limpet = await startLimpet({
  listen: `127.0.0.1:${port}`,
  admin: { bind: `127.0.0.1:${adminPort}` },
  sessions: { api: { verify: { jwt: { algorithms: ['HS256'] } }, secrets: [KEY], user: 'sub' } },
  routes: [
    { path: '/', pool: 'shop' },
    { path: '/api', pool: 'shop', session: 'api' },
    {
      path: '/new',
      pools: [
        { pool: 'shop', weight: 9 },
        { pool: 'next', weight: 1 },
      ],
    },
  ],
  pools: {
    next: {
      upstreams: [{ name: 'canary', url: apps[0]!.url }],
      affinity: { cookie: { secrets: ['a secret of this test alone'] } },
      health: calm,
    },
    shop: {
      upstreams: apps.map(({ name, url }) => ({ name, url })),
      affinity: { cookie: { secrets: ['a secret of this test alone'] } },
      health: { ...calm, active: { interval: '300ms', timeout: '5s', unhealthyAfter: 1, healthyAfter: 1 } },
    },
  },
});
const adminUrl = `http://127.0.0.1:${adminPort}`;
const browser = await startBrowser(t);
const page = await browser.newPage();
const complaints = complaintsOf(page);
/** Bytes that came over the wire, by URL. */
const bytes = new Map<string, number>();
const strangers: string[] = [];
page.on('requestfinished', (request) => {
  request.sizes().then(
    ({ responseBodySize }) =>
      bytes.set(request.url(), Math.max(responseBodySize, bytes.get(request.url()) ?? 0)),
    () => {},
  );
});
page.on('request', (request) => {
  if (!request.url().startsWith(`${adminUrl}/`)) strangers.push(request.url());
});
await page.goto(`${adminUrl}/`);

interface Row {
  readonly name: string;
  readonly wanted: string;
  readonly weight: number;
  readonly drainUntil: string | null;
}
const rowOf = async (name: string): Promise<Row> => {
  const rows = (await (await fetch(`${adminUrl}/api/v1/upstreams`)).json()) as Row[];
  return rows.find((row) => row.name === name)!;
};
const text = (selector: string): Promise<string> => page.locator(selector).innerText();
const banner = (): Promise<string> => text('#banner');
const says = async (what: string, selector: string, pattern: RegExp): Promise<void> => {
  let said = '';
  try {
    await until(what, async () => {
      said = await text(selector);
      return pattern.test(said);
    });
  } catch (error) {
    throw new Error(`${selector} says: ${said}`, { cause: error });
  }
};
const button = (name: string) => page.getByRole('button', { name, exact: true });
const stateOf = (name: string) => `[id="upstream-shop-${name}"] .word`;
const notes = page.locator('#toasts .toast');
/** Presses Undo of the newest note, and closes it when it says so. */
async function undo(pattern: RegExp): Promise<void> {
  const note = notes.last();
  await note.getByRole('button', { name: 'Undo' }).click();
  await until('it is undone', async () => pattern.test(await note.innerText()));
  await note.getByRole('button', { name: 'Close this note' }).click();
}

t.test('all is well, and says since when; every upstream tells its state, load and users', async (t) => {
  await says('all is well', '#banner', /All is well\s+since .*\d\d:\d\d:\d\d/);
  for (let i = 0; i < 8; i++) await askPath(port, '/', { cookie: cookieOf(await askPath(port, '/')) });
  await says('requests are counted', '#tiles', /[1-9]\d* in all/);
  await says('it has users', '[id="upstream-shop-blue"] [data-head=Users]', /^[1-9]/);
  t.match(await text(stateOf('blue')), 'up');
  t.match(await banner(), /3 of 3 upstreams up/);
  t.match(await text('#foot'), /config generation 1/);
  const chart = page.getByRole('img', { name: /^Latency over the last ten minutes: p99 now/ });
  await chart.waitFor();
  t.equal(await page.locator('#charts canvas').count(), 2, 'and both charts are drawn');
});

t.test(
  'a killed app stands at the top: what, since when, and what to do; and is gone when it is back',
  async (t) => {
    const before = Date.now();
    await apps[1]!.stop();
    await says('it is told', '#banner', /One thing is wrong/);
    const told = await banner();
    t.match(told, /shop\/green is (down|ejected)/);
    t.match(told, /Others of its pool serve in its place\./);
    const report = (await (await fetch(`${adminUrl}/api/v1/troubles`)).json()) as {
      ok: boolean;
      troubles: { since: string; id: string }[];
    };
    t.equal(report.ok, false);
    const since = Date.parse(report.troubles.find(({ id }) => id === 'upstream.out shop/green')!.since);
    t.ok(since >= before - 1000 && since <= Date.now(), 'since it was seen');
    t.match(await page.title(), /^▲ 1 · Limpet$/);
    t.match(await text('#announce'), /One thing is wrong\. shop\/green is/, 'it is read out');
    await says('its row says so', stateOf('green'), /down|ejected/);
    await says('the event is there', '#event-list', /shop\/green is (down|ejected)/);
    await page.getByRole('link', { name: 'Show green' }).click();
    t.match(page.url(), /#upstream-shop-green$/);
    await apps[1]!.start();
    await says('all is well again', '#banner', /All is well/);
    t.equal(await page.title(), 'Limpet');
  },
);

t.test('a drain is asked first, done for yes alone, and undone', async (t) => {
  await button('Drain shop/blue').click();
  const dialog = page.getByRole('dialog', { name: 'Drain shop/blue?' });
  t.match(await dialog.innerText(), /Who lives there stays \(\d+ users now\)/);
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  t.equal((await rowOf('blue')).wanted, 'ready', 'nothing was done');
  await button('Drain shop/blue').click();
  await dialog.getByRole('button', { name: 'Drain blue' }).click();
  await says('it drains', stateOf('blue'), /draining/);
  t.equal((await rowOf('blue')).wanted, 'drain');
  await undo(/Undone: shop\/blue is enabled/);
  t.equal((await rowOf('blue')).wanted, 'ready');
});

t.test(
  'a drain with an end says when that is; enabling takes it back, and undoing that gives it its end again',
  async (t) => {
    await button('Drain shop/blue').click();
    await page.getByLabel('Its users may stay').selectOption('30 minutes');
    await button('Drain blue').click();
    await says('it says until when', '[id="upstream-shop-blue"] .why', /until .*\d\d:\d\d/);
    t.type((await rowOf('blue')).drainUntil, 'string');
    await button('Enable shop/blue').click();
    await button('Enable blue').click();
    await until('it is enabled', async () => (await rowOf('blue')).wanted === 'ready');
    t.equal((await rowOf('blue')).drainUntil, null);
    await undo(/Undone: shop\/blue drains/);
    const { wanted, drainUntil } = await rowOf('blue');
    t.equal(wanted, 'drain');
    const left = Date.parse(drainUntil ?? '') - Date.now();
    t.ok(left > 25 * 60_000 && left <= 30 * 60_000 + 1000, `it ends when it would have ended: in ${left} ms`);
    await button('Enable shop/blue').click();
    await button('Enable blue').click();
    await until('it is enabled', async () => (await rowOf('blue')).wanted === 'ready');
  },
);

t.test('one is taken out with a warning when it is the last, and enabled again', async (t) => {
  await button('Disable shop/blue').click();
  await button('Disable blue').click();
  await says('it is out', stateOf('blue'), /maintenance/);
  await button('Disable shop/green').click();
  t.match(await text('#ask-text'), /the last one of its pool that takes new users/);
  await page.keyboard.press('Escape');
  await button('Enable shop/blue').click();
  await button('Enable blue').click();
  await says('it is up', stateOf('blue'), /^up/);
  t.equal((await rowOf('blue')).wanted, 'ready');
});

t.test('a weight is changed and put back; a wrong one is refused in the words of the API', async (t) => {
  await button('Weight of shop/blue: 1. Change it').click();
  await page.getByLabel('Weight', { exact: true }).fill('7');
  await button('Set the weight').click();
  await until('it is set', async () => (await rowOf('blue')).weight === 7);
  await button('Weight of shop/blue: 7. Change it').waitFor();
  await undo(/is 1 again/);
  t.equal((await rowOf('blue')).weight, 1);
  await button('Weight of shop/green: 1. Change it').click();
  await page.locator('#ask-form').evaluate((form) => form.setAttribute('novalidate', ''));
  await page.getByLabel('Weight', { exact: true }).fill('5000');
  await button('Set the weight').click();
  await until('it is refused', async () => /1000/.test(await text('#ask-fault')));
  await button('Cancel').click();
  t.equal((await rowOf('green')).weight, 1);
});

t.test('all sessions of a user are ended, listed, undone; ended again and lifted', async (t) => {
  const token = await new SignJWT({})
    .setSubject('Ada')
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(KEY));
  const ask = async (): Promise<number> =>
    (await askPath(port, '/api', { authorization: `Bearer ${token}` })).status;
  t.equal(await ask(), 200);
  const end = async (): Promise<void> => {
    await button('End sessions …').click();
    await page.getByLabel('User', { exact: true }).fill('Ada');
    await page.getByLabel('Reason').fill('lost <b>laptop</b>');
    await button('End them').click();
    await page.getByRole('row', { name: /user Ada/ }).waitFor();
  };
  await end();
  t.equal(await ask(), 401);
  t.match(await text('#revocation-list'), /lost <b>laptop<\/b>/, 'what was written is text');
  await undo(/Undone: user Ada is good again/);
  t.equal(await ask(), 200);
  await until(
    'it left the list',
    async () => (await page.getByRole('row', { name: /user Ada/ }).count()) === 0,
  );
  await end();
  t.equal(await ask(), 401);
  await button('Lift: user Ada').click();
  await button('Lift it').click();
  await until('it is lifted', async () => (await ask()) === 200);
});

t.test(
  'both sides of a canary stand beside one another, and are shared out otherwise and back',
  async (t) => {
    const sides = page.locator('#split-list');
    t.match(await sides.innerText(), /shop\s+9 · 90 %[\s\S]*next\s+1 · 10 %/);
    await button('Share out /new otherwise').click();
    await page.getByLabel('next', { exact: true }).fill('3');
    await button('Share out so').click();
    await until('it is so', async () => /next\s+3 · 25 %/.test(await sides.innerText()));
    await until('requests are counted', async () => {
      for (let i = 0; i < 8; i++) await askPath(port, '/new');
      return /[1-9]\d* %\s+[\d.]+\/s\s+0 %/.test(await sides.innerText());
    });
    await undo(/shared out as before/);
    await until('it is as before', async () => /next\s+1 · 10 %/.test(await sides.innerText()));
  },
);

t.test('a pool is taken out by the keyboard, says who serves its users, and is undone', async (t) => {
  await button('Drain next/canary').click();
  await button('Drain canary').click();
  await until('it drains', async () => (await rowOf('canary')).wanted === 'drain');
  await button('Disable pool next').focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Disable pool next?' });
  t.match(await dialog.innerText(), /Its one upstream is sent nothing more[\s\S]*Its users go to shop/);
  await page.keyboard.press('Escape');
  t.equal((await rowOf('canary')).wanted, 'drain', 'nothing was done');
  t.equal(await page.evaluate('document.activeElement.ariaLabel'), 'Disable pool next');
  await page.keyboard.press('Enter');
  await dialog.waitFor();
  await page.keyboard.press('Enter');
  await says('it is told', '#banner', /Pool next is in maintenance: its users are served by shop/);
  t.notMatch(await text('#banner'), /critical|503/i);
  t.equal((await rowOf('canary')).wanted, 'maintenance');
  t.equal((await askPath(port, '/new')).body === '', false, 'its users are served');
  await until(
    'the focus is on what takes it back',
    async () => (await page.evaluate('document.activeElement.ariaLabel')) === 'Enable pool next',
  );
  await undo(/the upstreams of next are wanted as before/);
  t.equal((await rowOf('canary')).wanted, 'drain', 'as before, not as new');
  await button('Enable pool next').click();
  t.match(await text('#ask-text'), /1 upstream of 1 takes new users again/);
  await button('Enable pool next').last().click();
  await until('it is enabled', async () => (await rowOf('canary')).wanted === 'ready');
  await says('it is up', '[id="upstream-next-canary"] .word', /^up/);
  await button('Disable pool shop').click();
  t.match(await text('#ask-text'), /Users of its canaries go to next; whoever asks for it elsewhere/);
  await page.keyboard.press('Escape');
  await until(
    'the question is gone',
    async () => (await page.evaluate('document.activeElement.ariaLabel')) === 'Disable pool shop',
  );
});

t.test('everything can be done by the keyboard, and the focus comes back', async (t) => {
  await page.keyboard.press('/');
  t.equal(await page.evaluate('document.activeElement.id'), 'find');
  await page.keyboard.type('green');
  await until('the other is not shown', async () => (await page.locator('tr[id^=upstream-]').count()) === 1);
  await page.keyboard.press('Tab');
  t.equal(await page.evaluate('document.activeElement.ariaLabel'), 'Disable pool shop');
  await page.keyboard.press('Tab');
  t.match(await page.evaluate('document.activeElement.ariaLabel'), /^Weight of shop\/green/);
  await page.keyboard.press('Tab');
  t.equal(await page.evaluate('document.activeElement.ariaLabel'), 'Drain shop/green');
  t.equal(
    await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'),
    'solid',
    'it is seen',
  );
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Drain shop/green?' }).waitFor();
  await page.keyboard.press('Enter');
  await says('it drains', stateOf('green'), /draining/);
  await until('the focus is on its row', async () =>
    /^Enable shop\/green|^Disable shop\/green/.test(
      String(await page.evaluate('document.activeElement.ariaLabel')),
    ),
  );
  await undo(/is enabled/);
  await page.fill('#find', 'nothing like it');
  t.match(await text('#pools'), /No upstream is called so/);
  await page.fill('#find', '');
});

t.test('light, dark, and as the system has it; the choice is kept', async (t) => {
  const ground = (): Promise<unknown> => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const light = await ground();
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await ground();
  t.not(dark, light);
  await button('Theme: auto').click();
  t.equal(await ground(), light, 'light by choice');
  await page.reload();
  await button('Theme: light').click();
  t.equal(await ground(), dark);
  await button('Theme: dark').click();
  await page.emulateMedia({ colorScheme: 'light' });
  t.equal(await ground(), light);
});

t.test('it fits a phone', async (t) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await says('it is there', '#banner', /All is well/);
  // Charts are drawn anew behind the change of size.
  await page.waitForFunction('document.documentElement.scrollWidth <= innerWidth');
  t.ok(await button('Drain shop/blue').isVisible());
  await page.setViewportSize({ width: 1360, height: 900 });
});

t.test('all of it is under 150 KB, from this host alone, and breaks no rule of its policy', async (t) => {
  const files = [...bytes].filter(([url]) => !url.includes('/api/'));
  const sum = files.reduce((total, [, size]) => total + size, 0);
  t.ok(files.length >= 15, `${files.length} files`);
  t.ok(sum > 20_000 && sum < 150_000, `${sum} bytes`);
  t.comment(`${files.length} files, ${sum} bytes`);
  const { headers } = await fetch(`${adminUrl}/`, { headers: { accept: 'text/html' } });
  t.match(
    headers.get('content-security-policy'),
    /^default-src 'none'; script-src 'self'; style-src 'self';/,
  );
  t.notMatch(headers.get('content-security-policy'), 'unsafe');
  t.same(strangers, []);
  // What the API refused above is on the console too.
  t.same(
    complaints.filter((complaint) => !/status of 400/.test(complaint)),
    [],
  );
});

t.test('when Limpet is away the page says so, and comes back by itself', async (t) => {
  await limpet.kill();
  await says('it says so', '#link', /Disconnected/);
  t.match(await text('#lost'), /does not answer; what is shown is of .*\d\d:\d\d:\d\d/);
  const again = new Child(pinnedNode, ['src/main.ts', 'run', '-c', limpet.configFile]);
  await again.wrote(/^limpet: listening on .*$/m, 60_000);
  await says('it is back', '#link', /Live/);
  await says('all is well', '#banner', /All is well/);
  t.notOk(await page.locator('#lost').isVisible());
  t.notMatch(
    await text('#event-list'),
    /shop\/green is (down|ejected)/,
    'events are those of the new process',
  );
  await again.kill('SIGTERM');
  t.equal(await again.exit(), 0, 'a page that watches keeps nobody from ending');
});
