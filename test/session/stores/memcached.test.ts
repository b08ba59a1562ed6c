// Memcached as a store of sessions: real servers, and impostors for what Debian's server does not do.

import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import t from 'tap';
import { STORED_BYTES_MAX } from '../../../src/session/store.ts';
import { BinaryProtocol } from '../../../src/session/stores/memcached-binary.ts';
import { TextProtocol } from '../../../src/session/stores/memcached-text.ts';
import {
  faultKind,
  faultText,
  garbageServer,
  openTestStore,
  tcpServer,
  until,
  value,
} from '../../kit/store-drill.ts';
import { makeCertificates, startMemcached, startSaslMemcached, tempFolder } from '../../kit/store-servers.ts';

/** Writes as an app's client would. */
function put(port: number, key: string, data: Uint8Array | string, flags = 0, ttlS = 0): Promise<void> {
  const bytes = Buffer.from(data);
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.on('error', reject);
    socket.once('data', (answer) => {
      socket.destroy();
      if (String(answer).startsWith('STORED')) resolve();
      else reject(new Error(String(answer)));
    });
    socket.write(`set ${key} ${flags} ${ttlS} ${bytes.length}\r\n`);
    socket.write(bytes);
    socket.write('\r\n');
  });
}

t.test('a value comes as its bytes, with its flags and the time that is left', async (t) => {
  const { port } = await startMemcached(t);
  await put(port, 'a', Buffer.from([0, 255, 13, 10, 69, 78, 68, 13, 10]), 2, 100);
  await put(port, 'for-ever', 'x');
  await put(port, 'empty', '', 7);
  const store = await openTestStore(t, `memcached://127.0.0.1:${port}`);
  const a = await store.get(value('a'));
  t.same([...a!.bytes], [0, 255, 13, 10, 69, 78, 68, 13, 10]);
  t.equal(a!.flags, 2);
  const left = a!.endsAtS! - Date.now() / 1000;
  t.ok(left > 90 && left <= 101, `${left}`);
  t.equal((await store.get(value('for-ever')))!.endsAtS, null);
  t.same([(await store.get(value('empty')))!.bytes.length, (await store.get(value('empty')))!.flags], [0, 7]);
  t.equal(await store.get(value('nobody')), null);
});

t.test('many look-ups at once are answered each with its own', async (t) => {
  const { port } = await startMemcached(t);
  for (let i = 0; i < 50; i++) await put(port, `k${i}`, String(i).repeat(i * 100));
  const store = await openTestStore(t, `memcached://127.0.0.1:${port}`);
  const found = await Promise.all(Array.from({ length: 100 }, (_, i) => store.get(value(`k${i}`))));
  found.forEach((one, i) => {
    t.equal(
      one === null ? 'none' : Buffer.from(one.bytes).toString(),
      i < 50 ? String(i).repeat(i * 100) : 'none',
    );
  });
});

t.test('a key that Memcached cannot have is no session, and nothing of it is sent', async (t) => {
  const { port } = await startMemcached(t);
  const store = await openTestStore(t, `memcached://127.0.0.1:${port}`);
  for (const key of ['', 'a b', 'a\r\nflush_all', 'a\0', 'a\x7f', 'x'.repeat(251), 'ä'.repeat(126)])
    t.equal(await store.get(value(key)), null);
  await put(port, 'x'.repeat(250), 'longest');
  t.equal((await store.get(value('x'.repeat(250))))!.bytes.length, 7);
  await put(port, 'ä', 'utf-8');
  t.equal((await store.get(value('ä')))!.bytes.length, 5);
});

t.test('a value beyond the bound is malformed, and the connection goes on', async (t) => {
  const { port } = await startMemcached(t, ['-I', '3m']);
  await put(port, 'long', Buffer.alloc(STORED_BYTES_MAX + 1));
  await put(port, 'longest', Buffer.alloc(STORED_BYTES_MAX, 'x'));
  await put(port, 'a', 'x');
  const store = await openTestStore(t, `memcached://127.0.0.1:${port}`, { deadlineMs: 2000 });
  const both = await Promise.all([faultKind(store, value('long')), faultKind(store, value('a'))]);
  t.same(both, ['malformed', 'found']);
  t.equal((await store.get(value('longest')))!.bytes.length, STORED_BYTES_MAX);
});

t.test('of several servers all are asked, since how the app spreads its keys is not known', async (t) => {
  const [a, b] = [await startMemcached(t), await startMemcached(t)];
  await put(a.port, 'in-a', 'a');
  await put(b.port, 'in-b', 'b');
  await put(a.port, 'same', 'x');
  await put(b.port, 'same', 'x');
  await put(a.port, 'two', 'old');
  await put(b.port, 'two', 'new');
  const store = await openTestStore(t, `memcached://127.0.0.1:${a.port},127.0.0.1:${b.port}`);
  const kinds = async (): Promise<string[]> =>
    Promise.all(['in-a', 'in-b', 'same', 'two', 'nobody'].map((key) => faultKind(store, value(key))));
  t.same(await kinds(), ['found', 'found', 'found', 'malformed', 'none']);
  await b.child.kill('SIGKILL');
  await until(async () => (await faultKind(store, value('nobody'))) === 'down');
  t.equal(await faultKind(store, value('in-a')), 'found');
});

t.test('TLS by an authority of its own', async (t) => {
  const files = makeCertificates(tempFolder(t));
  const { port } = await startMemcached(t, [
    '-Z',
    '-o',
    `ssl_chain_cert=${files.certificate},ssl_key=${files.key}`,
  ]).catch(() => ({ port: 0 }));
  const ca = readFileSync(files.ca, 'utf8');
  const open = (ca: string | null) =>
    openTestStore(t, `memcacheds://127.0.0.1:${port}`, { tls: { ca, verify: true, serverName: null } });
  t.equal(await faultKind(await open(ca), value('a')), 'none');
  t.equal(await faultKind(await open(null), value('a')), 'down');
});

t.test('a hung server is late, then down, then found; a killed one is found when it is back', async (t) => {
  const { port, child } = await startMemcached(t);
  const store = await openTestStore(t, `memcached://127.0.0.1:${port}`, { deadlineMs: 150 });
  t.equal(await faultKind(store, value('a')), 'none');
  await child.kill('SIGSTOP');
  const kinds = await Promise.all(Array.from({ length: 6 }, (_, i) => faultKind(store, value(`k${i}`))));
  t.same(new Set(kinds), new Set(['late']));
  t.equal(await faultKind(store, value('a')), 'down');
  await child.kill('SIGCONT');
  await until(async () => (await faultKind(store, value('a'))) === 'none');
  await child.kill('SIGKILL');
  await until(async () => (await faultKind(store, value('a'))) === 'down');
  await startMemcached(t, [], port);
  await until(async () => (await faultKind(store, value('a'))) === 'none');
});

t.test('a server before 1.6 and a proxy are asked in the old words', async (t) => {
  const asked: string[] = [];
  const port = await tcpServer(t, (socket) => {
    socket.on('data', (bytes) => {
      for (const line of String(bytes).split('\r\n').slice(0, -1)) {
        asked.push(line);
        if (line === 'version') socket.write('VERSION 1.5.22\r\n');
        else if (line === 'get a') socket.write('VALUE a 5 3\r\nabc\r\nEND\r\n');
        else socket.write('END\r\n');
      }
    });
  });
  const store = await openTestStore(t, `memcached://127.0.0.1:${port}`);
  const [a, none] = await Promise.all([store.get(value('a')), store.get(value('b'))]);
  t.same([Buffer.from(a!.bytes).toString(), a!.flags, a!.endsAtS, none], ['abc', 5, null, null]);
  // The version is asked on each connection, and to see whether the server is there at all.
  t.equal(asked[0], 'version');
  t.same(
    asked.filter((line) => line !== 'version'),
    ['get a', 'get b'],
  );
});

/** A server of the binary protocol with SASL PLAIN, as far as it is asked here. */
function saslServer(t: Parameters<typeof tcpServer>[0], user: string, password: string): Promise<number> {
  const answer = (opcode: number, status: number, extras: Buffer, body: Buffer): Buffer => {
    const head = Buffer.alloc(24);
    head[0] = 0x81;
    head[1] = opcode;
    head[4] = extras.length;
    head.writeUInt16BE(status, 6);
    head.writeUInt32BE(extras.length + body.length, 8);
    return Buffer.concat([head, extras, body]);
  };
  const none = Buffer.alloc(0);
  return tcpServer(t, (socket) => {
    let known = false;
    let rest: Buffer = none;
    socket.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 24 && rest.length >= 24 + rest.readUInt32BE(8)) {
        const opcode = rest[1]!;
        const keyEnd = 24 + rest.readUInt16BE(2);
        const key = rest.toString('utf8', 24, keyEnd);
        const body = rest.toString('utf8', keyEnd, 24 + rest.readUInt32BE(8));
        rest = rest.subarray(24 + rest.readUInt32BE(8));
        if (opcode === 0x21) known = key === 'PLAIN' && body === `\0${user}\0${password}`;
        if (!known) socket.write(answer(opcode, 0x20, none, Buffer.from('Auth failure')));
        else if (opcode === 0x21) socket.write(answer(opcode, 0, none, Buffer.from('Authenticated')));
        else if (opcode === 0x0b) socket.write(answer(opcode, 0, none, Buffer.from('1.6.18')));
        else if (key === 'a') socket.write(answer(0, 0, Buffer.from([0, 0, 0, 9]), Buffer.from('abc')));
        else socket.write(answer(0, 1, none, Buffer.from('Not found')));
      }
    });
  });
}

t.test('credentials are sent by SASL, and wrong ones are told apart without being told', async (t) => {
  const port = await saslServer(t, 'ed:ge', 'p@ss');
  const good = await openTestStore(t, `memcached://ed%3Age:p%40ss@127.0.0.1:${port}`);
  const [a, none] = await Promise.all([good.get(value('a')), good.get(value('b'))]);
  t.same([Buffer.from(a!.bytes).toString(), a!.flags, none], ['abc', 9, null]);
  const wrong = await openTestStore(t, `memcached://edge:hunter2@127.0.0.1:${port}`);
  t.equal(await faultText(wrong, value('a')), 'memcached: user or password is wrong');
});

t.test('a real server with users knows them by SASL, and within TLS', async (t) => {
  const files = makeCertificates(tempFolder(t));
  const tls = ['-Z', '-o', `ssl_chain_cert=${files.certificate},ssl_key=${files.key}`];
  for (const [scheme, options] of [
    ['memcached', []],
    ['memcacheds', tls],
  ] as const) {
    const { port } = await startSaslMemcached(t, 'edge@shop', 'p@ss/w', options);
    const ca = readFileSync(files.ca, 'utf8');
    const open = (user: string) =>
      openTestStore(t, `${scheme}://${user}127.0.0.1:${port}`, {
        tls: scheme === 'memcacheds' ? { ca, verify: true, serverName: null } : null,
      });
    const good = await open('edge%40shop:p%40ss%2Fw@');
    t.equal(await faultKind(good, value('nobody')), 'none', scheme);
    t.equal(
      await faultText(await open('edge%40shop:hunter2@'), value('a')),
      'memcached: user or password is wrong',
    );
    t.match(await faultKind(await open(''), value('a')), /^(down|late)$/, 'nobody is told nothing');
  }
});

t.test('a real server understands the binary questions', async (t) => {
  const { port } = await startMemcached(t);
  await put(port, 'a', 'abc', 513);
  const protocol = new BinaryProtocol('', '');
  const socket = createConnection(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  let bytes: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  for (const question of [protocol.get('a'), protocol.get('b'), protocol.version]) socket.write(question);
  const replies: object[] = [];
  await until(() => {
    const parsed = protocol.parse(bytes);
    if (parsed.reply === null) return false;
    replies.push(parsed.reply);
    bytes = bytes.subarray(parsed.used);
    return replies.length === 3;
  });
  t.match(replies, [
    { kind: 'value', bytes: Buffer.from('abc'), flags: 513 },
    { kind: 'none' },
    { kind: 'version', text: /^1\./ },
  ]);
});

t.test('whoever does not speak Memcached is a fault and no crash', async (t) => {
  const answers = [
    'HTTP/1.1 400 Bad\r\n\r\n',
    '\x81',
    'VA 99999999999 \r\n',
    'x'.repeat(9000),
    'END\r\nEND\r\nEND\r\n',
  ];
  for (const answer of answers) {
    const port = await garbageServer(t, answer);
    for (const url of [`memcached://127.0.0.1:${port}`, `memcached://u:p@127.0.0.1:${port}`]) {
      const store = await openTestStore(t, url, { deadlineMs: 50 });
      t.match(await faultKind(store, value('a')), /^(down|late)$/, JSON.stringify(answer.slice(0, 20)));
    }
  }
});

t.test('an answer in pieces is put together, wherever it is cut', async (t) => {
  const whole = Buffer.from('VA 5 t-1 f0\r\nab\r\nc\r\nEN\r\n');
  const protocol = new TextProtocol();
  for (let cut = 0; cut < 20; cut++) t.equal(protocol.parse(whole.subarray(0, cut)).reply, null);
  const parsed = protocol.parse(whole);
  t.match(parsed, { reply: { kind: 'value', flags: 0, ttlS: null }, used: 20 });
});
