// What the log's way out promises: never to block, never to grow past its bound, and to lose nothing it has room for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { LogSink } from '../../src/observe/log-sink.ts';

const MODULE = new URL('../../src/observe/log-sink.ts', import.meta.url).href;

t.test('everything that was written has left when close ends', async (t) => {
  const file = join(t.testdir(), 'log');
  const fd = openSync(file, 'w');
  const sink = new LogSink({ fd, format: 'json', isTerminal: false });
  let expected = '';
  for (let i = 0; i < 5000; i++) {
    const line = `{"n":${i},"text":"žluťoučký kůň"}\n`;
    expected += line;
    sink.write(line);
  }
  await sink.close(5000);
  t.equal(readFileSync(file, 'utf8'), expected);
  t.equal(sink.dropped, 0);
  sink.write('{"late":true}\n');
  t.equal(sink.dropped, 1, 'a line after the end is counted, not thrown');
  await sink.close(10);
});

/** A process that writes `script` into its stdout, a pipe which this test reads or does not. */
function writer(script: string) {
  const code = `import { LogSink } from ${JSON.stringify(MODULE)};
    const sink = new LogSink({ fd: 1, format: 'json', isTerminal: false, waitingBytesMax: 1 << 20 });
    const line = JSON.stringify({ text: 'x'.repeat(1000) }) + '\\n';
    ${script}`;
  return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] });
}

t.test('a reader that stalls costs lines, neither time nor memory', async (t) => {
  const child = writer(`
    const before = performance.now();
    for (let i = 0; i < 20_000; i++) sink.write(line);
    const tookMs = performance.now() - before;
    const early = sink.dropped;
    await sink.close(200);
    process.stderr.write(JSON.stringify({ tookMs, early, closedMs: performance.now() - before }));
    process.kill(process.pid, 'SIGKILL');
  `);
  t.teardown(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  await once(child, 'close');
  const { tookMs, early, closedMs } = JSON.parse(said);
  t.ok(tookMs < 2000, `20 MB of lines took ${tookMs} ms`);
  t.ok(early > 15_000 && early < 20_000, `${early} of 20,000 lines dropped, 1 MiB kept`);
  t.ok(closedMs < 5000, 'close gives up at its deadline');
});

t.test('a reader that goes away does not take the process along', async (t) => {
  const child = writer(`
    // Writes until the lines no longer find a reader, then ends in order.
    const timer = setInterval(async () => {
      sink.write(line);
      if (sink.dropped === 0) return;
      clearInterval(timer);
      await sink.close(1000);
      process.stderr.write('alive');
    }, 1);
  `);
  t.teardown(() => child.kill('SIGKILL'));
  child.stdout.once('data', () => child.stdout.destroy());
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  t.equal(said, 'alive');
  t.equal(code, 0);
});

t.test('a descriptor that can’t be written is survived, and its lines are counted', async (t) => {
  const file = join(t.testdir({ log: '' }), 'log');
  const fd = openSync(file, 'r');
  const sink = new LogSink({ fd, format: 'json', isTerminal: false });
  sink.write('{"a":1}\n');
  await sink.close(2000);
  sink.write('{"a":2}\n{"a":3}\n');
  t.ok(sink.dropped >= 2);
});
