// curl and undici as clients, each with what it does in its own way: HTTP/1.0, Expect, chunked uploads, ranges, pipelining.
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { Client } from 'undici';
import { startApp } from '../kit/apps.ts';
import { startLimpet } from '../kit/limpet.ts';

const run = promisify(execFile);
const apps = await Promise.all(['red', 'green'].map((name) => startApp('http', name)));
const limpet = await startLimpet({
  upstreams: apps.map(({ url, name }) => ({ url, name })),
  affinity: { cookie: { name: 'limpet', secrets: ['a secret for these tests only, 32+'] } },
});
const folder = mkdtempSync(join(tmpdir(), 'limpet-curl-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'upload');
const bytes = randomBytes(3 << 20);
writeFileSync(file, bytes);
const digest = createHash('sha256').update(bytes).digest('hex');
const curl = async (...args: string[]) =>
  (await run('curl', ['-sS', '--max-time', '20', '--noproxy', '*', ...args], { maxBuffer: 64 << 20 })).stdout;

for (const version of ['--http1.0', '--http1.1']) {
  t.test(`curl ${version}: get, upload, download, login`, async (t) => {
    t.match(await curl(version, `${limpet.url}/`), /^(red|green)$/);
    const upload = await curl(
      version,
      '--data-binary',
      `@${file}`,
      '-H',
      'Content-Type: application/octet-stream',
      `${limpet.url}/upload`,
    );
    t.same(JSON.parse(upload), { bytes: bytes.length, sha256: digest }, 'upload');
    const out = join(folder, 'download');
    await curl(version, '-o', out, `${limpet.url}/download?bytes=2000000`);
    t.ok(readFileSync(out).equals(Buffer.alloc(2_000_000, 'limpet ')), 'download');
    const jar = join(folder, `jar${version}`);
    await curl(version, '-c', jar, '-b', jar, '-d', 'user=ada', `${limpet.url}/login`);
    for (let i = 0; i < 4; i++)
      t.equal(
        JSON.parse(await curl(version, '-c', jar, '-b', jar, `${limpet.url}/me`)).user,
        'ada',
        'still logged in',
      );
  });
}

t.test('curl: an upload that expects 100-continue does not wait', async (t) => {
  const text = await curl(
    '-v',
    '-H',
    'Expect: 100-continue',
    '--expect100-timeout',
    '15',
    '--data-binary',
    `@${file}`,
    '-w',
    '\n%{time_total}',
    `${limpet.url}/upload`,
  );
  const [body, seconds] = text.split('\n') as [string, string];
  t.equal(JSON.parse(body).sha256, digest);
  t.ok(Number(seconds) < 10, `took ${seconds} s`);
});

t.test('curl: a chunked upload, a HEAD, and many requests on one connection', async (t) => {
  const chunked = await curl(
    '-X',
    'POST',
    '-H',
    'Transfer-Encoding: chunked',
    '-T',
    file,
    `${limpet.url}/upload`,
  );
  t.equal(JSON.parse(chunked).sha256, digest, 'chunked');
  t.match(await curl('-I', `${limpet.url}/download?bytes=5`), /^HTTP\/1\.1 404/, 'HEAD');
  const connects = await curl(
    '-w',
    '%{num_connects}\n',
    ...Array.from({ length: 10 }, () => ['-o', '/dev/null', `${limpet.url}/`]).flat(),
  );
  t.same(connects.trim().split('\n'), ['1', ...Array(9).fill('0')], 'one connection for ten requests');
});

t.test('undici: pipelined requests come back in order, each whole', async (t) => {
  const client = new Client(limpet.url, { pipelining: 10 });
  t.teardown(() => client.destroy());
  const lengths = Array.from({ length: 50 }, (_, i) => (i * 7919) % 30_000);
  const answers = await Promise.all(
    lengths.map(async (length) => {
      const { body } = await client.request({ method: 'GET', path: `/download?bytes=${length}` });
      return (await body.arrayBuffer()).byteLength;
    }),
  );
  t.same(answers, lengths);
});
