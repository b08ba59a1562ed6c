// What a soak that does not come to rest is told by: who still holds which connection, in what state, and whose the other end is.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { makePair } from '../kit/certificates.ts';
import { startLimpet } from '../kit/limpet.ts';
import { freePort } from '../kit/ports.ts';
import { RawClient } from '../kit/raw-client.ts';
import { Handshake } from './door.ts';
import { RestReader } from './rest.ts';

t.test('connections that are left are told of, by the worker and by the kernel', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-held-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const gaugeFile = join(folder, 'gauge.ndjson');
  const securePort = await freePort();
  const { cert, key } = makePair({ names: ['soak.test'] });
  const limpet = await startLimpet(
    {
      listeners: [
        { bind: '127.0.0.1:{port}', name: 'plain' },
        {
          bind: `127.0.0.1:${securePort}`,
          name: 'secure',
          tls: { certificates: [{ cert: 'a.pem', key: 'a.key' }] },
        },
      ],
      upstreams: ['http://127.0.0.1:1'],
      workers: 1,
    },
    {
      owner: t,
      files: { 'a.pem': cert, 'a.key': key },
      env: {
        NODE_OPTIONS: `--import=${new URL('gauge.ts', import.meta.url)}`,
        LIMPET_SOAK_GAUGE: gaugeFile,
      },
    },
  );
  const reader = new RestReader(limpet.pid, gaugeFile, 2);
  t.same(await reader.tellHeld(), [], 'nothing at rest');

  const idle = await RawClient.open(limpet.port, { owner: t });
  idle.send('GET /half HTTP/1.1\r\n');
  const handshake = await Handshake.begin(securePort, null);
  t.teardown(() => handshake?.leave(true));
  // The bytes of either may still be on their way to the worker. Whether a field is private does not matter here.
  let told: string[] = [];
  for (let left = 100; left > 0; left--) {
    told = await reader.tellHeld();
    if (/phase=1/.test(told.join('\n')) && told.some((line) => /listener secure counts 1/.test(line))) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { localPort } = idle.socket;
  const text = told.join('\n');
  t.match(text, /^worker 1: listener plain counts 1: /m);
  t.match(
    text,
    new RegExp(
      `^worker 1: connection from ${localPort}, \\d+ ms old, due in \\d+ ms, 0 bytes pending: .*#endAsked=false.*phase=1`,
      'm',
    ),
    'a client and his phase, and his socket',
  );
  t.match(text, /^worker 1: listener secure counts 1: .*#handshakes=\{.*#count=1/m, 'a handshake');
  t.match(
    text,
    new RegExp(
      `^${limpet.port} to ${localPort}: established, 0 bytes to send and \\d+ to read; the other end is established, .* of process ${process.pid} `,
      'm',
    ),
    'the kernel knows whose it is',
  );
  idle.destroy();
});
