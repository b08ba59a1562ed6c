// The access log of a Limpet that runs: chosen fields in each form, files that are rotated under load, slow requests explained, a log that nobody can write.
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { post, request, unwatched } from '../kit/judge.ts';
import { metric, type RunningLimpet, startLimpet } from '../kit/limpet.ts';
import { askPath, calm, startNamedApp, until } from '../kit/named-app.ts';
import { askOnce, RawClient } from '../kit/raw-client.ts';
import { OK, RawUpstream } from '../kit/raw-upstream.ts';

const app = await startNamedApp('app', t);
app.answer = (_incoming, response) => {
  response.setHeader('X-Cache', 'miss');
  response.end('ok');
};
const pool = { upstreams: [{ name: 'app', url: app.url }], health: calm };

const beside = (limpet: RunningLimpet, name: string): string => join(dirname(limpet.configFile), name);
const read = (limpet: RunningLimpet, name: string): string => {
  try {
    return readFileSync(beside(limpet, name), 'utf8');
  } catch {
    return '';
  }
};
const signal = (limpet: RunningLimpet): void => void process.kill(limpet.pid, 'SIGUSR2');

t.test('the bytes of answers are those that clients get, whoever gave them', async (t) => {
  const limpet = await startLimpet(
    {
      pools: { default: pool, none: { upstreams: ['http://127.0.0.1:1'], retries: { attempts: 0 } } },
      routes: [
        { path: '/', pool: 'default' },
        { path: '/none', pool: 'none' },
        { path: '/get', pool: 'default', methods: ['GET'] },
        { path: '/fixed', respond: { body: 'fixed' } },
        { path: '/moved', redirect: { to: '/fixed' } },
        { path: '/only', host: 'only.example', pool: 'default' },
      ],
      errors: { 502: { json: { sorry: true } } },
      log: { access: { fields: ['path', 'status', 'bytesOut'] } },
    },
    { owner: t },
  );
  const asked: [string, string][] = [
    ['GET /app HTTP/1.1', 'Host: x'],
    ['GET /fixed HTTP/1.1', 'Host: x'],
    ['HEAD /fixed HTTP/1.1', 'Host: x'],
    ['GET /moved HTTP/1.1', 'Host: x'],
    ['GET /none HTTP/1.1', 'Host: x'],
    ['POST /get HTTP/1.1', 'Host: x\r\nContent-Length: 0'],
    ['OPTIONS * HTTP/1.1', 'Host: x'],
    ['GET /bad HTTP/1.1', 'Host : x'],
  ];
  const got: number[] = [];
  for (const [line, fields] of asked) {
    const { body } = await askOnce(limpet.port, `${line}\r\n${fields}\r\nConnection: close\r\n\r\n`);
    got.push(body.length);
  }
  let told: number[] = [];
  await until('all are told', () => {
    told = limpet
      .logs()
      .split('\n')
      .filter((text) => text.includes('"bytesOut"'))
      .map((text) => JSON.parse(text).bytesOut);
    return told.length === asked.length;
  });
  t.same(told, got);
  t.ok(
    [0, 1, 4, 5, 7].every((i) => got[i]! > 0),
    'an app, a route, an error page and refusals said something',
  );
});

t.test('the fields that were chosen, in their order, and no secret among them', async (t) => {
  const limpet = await startLimpet(
    {
      pools: { default: pool },
      routes: [
        { path: '/', pool: 'default' },
        { path: '/api', pool: 'default', rewrite: { stripPrefix: '/api' } },
        { path: '/fixed', respond: { body: 'fixed' } },
      ],
      log: {
        access: {
          fields: [
            'target',
            'path',
            'userAgent',
            'referer',
            'request.X-Tenant',
            'response.X-Cache',
            'listener',
          ].concat(['protocol', 'status', 'traceId', 'headMs', 'waitMs', 'weight', 'end']),
          hide: ['mine'],
          valueChars: 20,
        },
      },
    },
    { owner: t },
  );
  await askPath(limpet.port, '/api/a;jsessionid=in-the-path/b?page=2&access_token=in-the-query&mine=own', {
    'user-agent': 'a "browser" of a very long name',
    referer: 'http://x/?code=in-the-referer',
    'x-tenant': 'acme',
    cookie: 'a=in-a-cookie',
    authorization: 'Bearer in-a-header',
  });
  await askPath(limpet.port, '/fixed/x?token=in-the-query', { 'x-tenant': 'acme' });
  let lines: Record<string, unknown>[] = [];
  await until('both are told', () => {
    lines = limpet
      .logs()
      .split('\n')
      .filter((line) => line.includes('"target"'))
      .map((line) => JSON.parse(line));
    return lines.length === 2;
  });
  const [forwarded, fixed] = lines;
  t.match(forwarded, {
    target: '/api/a;jsessionid=[hidden]/b?page=2&access_token=[hidden]&mine=[hidden]',
    path: '/api/a;jsessionid=[hidden]/b',
    userAgent: 'a "browser" of a ver...',
    referer: 'http://x/?code=[hidd...',
    'request.x-tenant': 'acme',
    'response.x-cache': 'miss',
    listener: `127.0.0.1:${limpet.port}`,
    protocol: 'HTTP/1.1',
    status: 200,
    traceId: /^[0-9a-f]{32}$/,
    weight: 1,
    end: '--',
  });
  t.equal(
    String(app.seen.at(-1)?.headers.traceparent).slice(3, 35),
    forwarded?.traceId,
    'which the app is told',
  );
  t.type(forwarded?.headMs, 'number');
  t.type(forwarded?.waitMs, 'number');
  t.same(Object.keys(forwarded ?? {}).slice(0, 3), ['target', 'path', 'userAgent']);
  t.match(fixed, {
    target: '/fixed/x?token=[hidden]',
    path: '/fixed/x',
    'request.x-tenant': 'acme',
    end: '--',
  });
  t.notMatch(limpet.logs(), /in-the|in-a-|"own"|mine=own/);

  // A reload puts another form and a file in place.
  signal(limpet);
  t.equal((await askPath(limpet.port, '/')).status, 200, 'SIGUSR2 ends nobody who has no log file');
  const config = JSON.parse(readFileSync(limpet.configFile, 'utf8'));
  const reload = async (access: object, word: string): Promise<void> => {
    writeFileSync(limpet.configFile, JSON.stringify({ ...config, log: { ...config.log, access } }));
    const before = limpet.logs().length;
    process.kill(limpet.pid, 'SIGHUP');
    await until(`it is ${word}`, () => limpet.logs().slice(before).includes(word));
  };
  await reload({ form: 'combined', to: { file: 'access.log' } }, 'was reloaded');
  // The worker takes it up by itself, and what it told before may come later.
  await until('the worker goes by it', async () => {
    await askPath(limpet.port, '/probe');
    return read(limpet, 'access.log').includes('"GET /probe HTTP/1.1" 200 2 ');
  });
  const before = limpet.logs().length;
  await askPath(limpet.port, '/a?b=1&token=x', { 'user-agent': 'tester', referer: 'http://x/' });
  const client = await RawClient.open(limpet.port, { owner: t });
  await client.ask('BAD\r\n\r\n');
  await until('both are in the file', () => read(limpet, 'access.log').includes('"-" 400'));
  t.match(
    read(limpet, 'access.log'),
    /^127\.0\.0\.1 - - \[[^\]]+\] "GET \/a\?b=1&token=\[hidden\] HTTP\/1\.1" 200 2 "http:\/\/x\/" "tester"$/m,
  );
  t.match(read(limpet, 'access.log'), /^127\.0\.0\.1 - - \[[^\]]+\] "-" 400 \d+ "-" "-"$/m);
  t.notMatch(limpet.logs().slice(before), 'GET', 'the main log stays where it was');
  await reload({ to: { file: 'no/such/file' } }, 'no/such/file');
  await askPath(limpet.port, '/three');
  await until('nothing has changed', () => read(limpet, 'access.log').includes('GET /three'));
});

t.test(
  'a file that is rotated, full, or a pipe: no line is lost that need not be, and no request',
  async (t) => {
    const limpet = await startLimpet(
      {
        workers: 2,
        pools: { default: pool },
        routes: [
          { path: '/', pool: 'default' },
          { path: '/fixed', respond: { body: 'hello' } },
        ],
        log: {
          to: { file: 'limpet.log' },
          access: { form: 'logfmt', fields: ['path', 'end'], to: { file: 'access.log' } },
        },
      },
      { owner: t },
    );
    const folder = dirname(limpet.configFile);
    let asked = 0;
    let going = true;
    const load = Array.from({ length: 8 }, async () => {
      const client = await RawClient.open(limpet.port, { owner: t });
      while (going) await client.ask(`GET /${asked++} HTTP/1.1\r\nHost: a\r\n\r\n`, 'GET', 20_000);
      client.destroy();
    });
    const told = (): string => read(limpet, 'limpet.log');
    for (let rotation = 1; rotation <= 5; rotation++) {
      const before = asked;
      await until('there is load', () => asked > before + 50);
      renameSync(join(folder, 'access.log'), join(folder, `access.log.${rotation}`));
      signal(limpet);
      await until(
        'it was opened anew',
        () => told().split('a log file was opened anew').length > rotation * 2,
      );
    }
    going = false;
    await Promise.all(load);
    // A file that was begun and has no line yet counts for none.
    const linesOf = (name: string): string[] =>
      read(limpet, name)
        .split('\n')
        .filter((line) => line !== '');
    const names = (): string[] => readdirSync(folder).filter((name) => name.startsWith('access.log'));
    await until('all are written', () => names().flatMap(linesOf).length >= asked);
    const paths = names()
      .flatMap(linesOf)
      .map((line) => Number(/^path=\/(\d+) end=--$/.exec(line)?.[1]));
    t.equal(names().length, 6);
    const written = new Set(paths);
    t.same(
      Array.from({ length: asked }, (_, i) => i).filter((i) => !written.has(i)),
      [],
      'none is missing',
    );
    t.equal(paths.length, asked, 'and none was written twice');
    t.equal(limpet.logs(), '', 'nothing of it on stdout');

    // A disk that is full costs lines, no request.
    let opened = told().split('opened anew').length;
    const openAnew = async (): Promise<void> => {
      signal(limpet);
      opened += 2;
      await until('both were opened anew', () => told().split('opened anew').length >= opened);
    };
    const path = beside(limpet, 'access.log');
    rmSync(path);
    symlinkSync('/dev/full', path);
    await openAnew();
    t.equal((await askPath(limpet.port, '/full')).status, 200);
    await until('it is told', () => told().includes('"code":"ENOSPC"'));
    t.equal((await askPath(limpet.port, '/full')).status, 200);
    rmSync(path);
    await openAnew();
    await until(
      'what waited is told',
      () => linesOf('access.log').filter((line) => line === 'path=/full end=--').length === 2,
    );
    await until('the end of it is told', () => told().includes('the log can be written again'));
    t.equal(told().split('a log cannot be written').length, 2, 'each once');

    // So does a pipe that nobody reads.
    rmSync(path);
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    t.teardown(() => closeSync(reader));
    await openAnew();
    const client = await RawClient.open(limpet.port, { owner: t });
    // More than the pipe and the 4 MiB that may wait.
    const request = `GET /fixed/${'x'.repeat(8000)} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(40);
    for (let i = 0; i < 20; i++) {
      client.send(request);
      for (let n = 0; n < 40; n++) await client.finalAnswer('GET', 20_000);
    }
    await until('lines are dropped', async () => (await metric(limpet, 'limpet_log_dropped_total')) > 0);
    await until('that is told', () => told().includes('log lines are dropped'));
    t.equal((await askPath(limpet.port, '/')).status, 200);
  },
);

t.test('a log file that cannot be opened keeps Limpet from starting, and is named', async (t) => {
  await t.rejects(
    startLimpet(
      { pools: { default: pool }, log: { access: { to: { file: 'no/such/access.log' } } } },
      { owner: t },
    ),
    /log\.access\.to: .*no\/such\/access\.log cannot be opened for appending: its folder is not there/,
  );
});

t.test('slow requests are told of in the main log, with the stage in which the time went', async (t) => {
  const raw = await RawUpstream.listen({ owner: t });
  const limpet = await startLimpet(
    {
      pools: {
        default: { upstreams: [raw.url], health: unwatched },
        narrow: {
          upstreams: [{ url: raw.url, maxConnections: 1 }],
          health: unwatched,
          queue: { max: 5, timeout: '20s' },
        },
      },
      routes: [
        { path: '/', pool: 'default' },
        { path: '/narrow', pool: 'narrow' },
      ],
      log: { format: 'json', sample: '0%', access: { slow: '300ms', to: { file: 'access.log' } } },
    },
    { owner: t },
  );
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 500));
  raw.script = async (exchange) => {
    const name = exchange.target.split('/').at(-1);
    if (name === 'wait') await pause();
    if (name === 'body') await exchange.whole(20_000);
    if (name === 'answer' || name === 'events') {
      const type = name === 'events' ? 'text/event-stream' : 'text/plain';
      exchange.send(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: 4\r\n\r\nha`);
      await pause();
      exchange.send('lf');
    } else if (name === 'tunnel') {
      exchange.send('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      await pause();
      exchange.connection.halfClose();
    } else {
      exchange.send(OK);
    }
  };
  const open = (): Promise<RawClient> => RawClient.open(limpet.port, { owner: t });
  const ask = async (path: string, ...lines: string[]): Promise<void> =>
    void (await (await open()).ask(request('GET', path, ...lines), 'GET', 20_000));
  const upload = async (): Promise<void> => {
    const client = await open();
    const bytes = post('/body', 'half and half');
    client.send(bytes.slice(0, -5));
    await raw.request('/body', 20_000);
    await pause();
    client.send(bytes.slice(-5));
    await client.finalAnswer('POST', 20_000);
  };
  const slowHead = async (): Promise<void> => {
    const client = await open();
    client.send('GET /head HTTP/1.1\r\nHo');
    await pause();
    client.send('st: a\r\n\r\n');
    await client.finalAnswer('GET', 20_000);
  };
  await Promise.all([
    ask('/quick'),
    ask('/wait'),
    ask('/answer'),
    ask('/events'),
    upload(),
    slowHead(),
    ask('/narrow/wait').then(() => undefined),
    raw.request('/narrow/wait', 20_000).then(() => ask('/narrow/line')),
    (async () => {
      const client = await open();
      client.send(request('GET', '/tunnel', 'Connection: Upgrade', 'Upgrade: echo'));
      await client.untilText('101', 20_000);
      await client.untilEnd(20_000);
      client.halfClose();
    })(),
  ]);
  await ask('/last/wait');
  const slow = (): Record<string, string>[] =>
    limpet
      .logs()
      .split('\n')
      .filter((line) => line.includes('a request was slow'))
      .map((line) => JSON.parse(line));
  await until('the last is told', () => slow().some(({ path }) => path === '/last/wait'));
  const said = Object.fromEntries(
    slow().map(({ path, msg }) => [path, msg?.replace(/.* s, of which [\d.]+ s /, '')]),
  );
  t.same(said, {
    '/wait': 'waiting for the answer of the instance',
    '/answer': 'waiting for the rest of the answer from the instance',
    '/body': 'waiting for its body from the client',
    '/head': 'reading its head',
    '/narrow/wait': 'waiting for the answer of the instance',
    '/narrow/line': 'waiting in line for an instance',
    '/last/wait': 'waiting for the answer of the instance',
  });
  t.match(slow()[0], { level: 'warn', durationMs: Number, stages: Object, end: '--', pool: String });
  await until('each has its line', () => read(limpet, 'access.log').trimEnd().split('\n').length >= 7);
  const lines = read(limpet, 'access.log')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.same(
    new Set(lines.map(({ path }) => path)),
    new Set(Object.keys(said)),
    'of a sample of none, those that were slow',
  );
  t.ok(lines.every(({ weight }) => weight === 1));
});
