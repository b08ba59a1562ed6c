// Large bodies and idle connections as a process of its own: one transfer as fast as it goes, or thousands of clients that ask once and stay.
//
// Told by one StreamSpec or IdleSpec message at a time; it answers each with one message.
import net from 'node:net';
import { pathToFileURL } from 'node:url';
import { downloadRequest, isLargeBody, largeBlock, uploadHead, uploadReceipt } from './load-message.ts';
import { cpuMicros, processTree } from './load-usage.ts';
import { LoadUser } from './load-user.ts';

export interface StreamSpec {
  readonly kind: 'download' | 'upload';
  readonly port: number;
  readonly bytes: number;
  /** The proxy whose CPU time is read before and after. */
  readonly watchPid: number;
}

export interface StreamResult {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Empty when every byte was right. */
  readonly trouble: string;
}

export interface IdleSpec {
  readonly kind: 'idle';
  readonly port: number;
  readonly connections: number;
}

export interface IdleResult {
  readonly answered: number;
  readonly failed: number;
}

/** How many connections of an IdleSpec ask at the same time. */
const ASKING_MAX = 32;

const block = largeBlock();

/** Reads a body of `bytes` bytes and checks it. Resolves with the trouble, empty for none. */
function download(port: number, bytes: number): Promise<string> {
  return new Promise((resolve) => {
    const buffer = Buffer.allocUnsafeSlow(262144);
    let head = '';
    let inBody = false;
    let got = 0;
    const done = (trouble: string): void => {
      socket.destroy();
      resolve(trouble);
    };
    const socket = net.connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer,
        callback: (n) => {
          let start = 0;
          if (!inBody) {
            const before = head.length;
            head += buffer.toString('latin1', 0, n);
            const end = head.indexOf('\r\n\r\n');
            if (end < 0) return true;
            if (!head.startsWith('HTTP/1.1 200')) {
              done(head.slice(0, 12));
              return true;
            }
            inBody = true;
            start = end + 4 - before;
          }
          if (!isLargeBody(buffer, start, n - start, got)) done(`wrong byte after ${got}`);
          got += n - start;
          if (got >= bytes) done(got === bytes ? '' : `${got - bytes} bytes too many`);
          return true;
        },
      },
    });
    socket.on('error', (error) => done(error.message));
    socket.on('close', () => done(`closed after ${got} bytes`));
    socket.write(downloadRequest(bytes));
  });
}

/** Writes a body of `bytes` bytes and reads the upstream's receipt. */
function upload(port: number, bytes: number): Promise<string> {
  return new Promise((resolve) => {
    let left = bytes;
    let answer = '';
    const socket = net.connect({ port, host: '127.0.0.1' });
    const done = (trouble: string): void => {
      socket.destroy();
      resolve(trouble);
    };
    const pump = (): void => {
      while (left > 0) {
        const n = Math.min(left, block.length);
        left -= n;
        if (!socket.write(n === block.length ? block : block.subarray(0, n))) {
          socket.once('drain', pump);
          return;
        }
      }
    };
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.startsWith('HTTP/1.1 200') && answer.endsWith(uploadReceipt(bytes))) done('');
      else if (answer.endsWith('damaged\n') || !answer.startsWith('HTTP/1.1 200'.slice(0, answer.length)))
        done(answer.slice(0, 80));
    });
    socket.on('error', (error) => done(error.message));
    socket.on('close', () => done(`closed: ${answer.slice(0, 80)}`));
    socket.write(uploadHead(bytes));
    pump();
  });
}

async function stream(spec: StreamSpec): Promise<StreamResult> {
  const pids = processTree(spec.watchPid);
  const cpu = cpuMicros(pids);
  const startMs = performance.now();
  const trouble = await (spec.kind === 'download' ? download : upload)(spec.port, spec.bytes);
  return {
    seconds: (performance.now() - startMs) / 1000,
    cpuSeconds: (cpuMicros(pids) - cpu) / 1e6,
    trouble,
  };
}

/** Opens the connections, a request on each; they stay open and silent. */
function idle(spec: IdleSpec): Promise<IdleResult> {
  return new Promise((resolve) => {
    let opened = 0;
    let answered = 0;
    let failed = 0;
    const next = (): void => {
      if (answered + failed === spec.connections) resolve({ answered, failed });
      else if (opened < spec.connections) {
        const user = new LoadUser(opened++, spec.port, {
          answered: () => {
            answered++;
            next();
          },
          failed: () => {
            failed++;
            next();
          },
        });
        user.send(false, 0, 0);
      }
    };
    for (let i = 0; i < ASKING_MAX; i++) next();
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (spec: StreamSpec | IdleSpec) => {
    void (spec.kind === 'idle' ? idle(spec) : stream(spec)).then((result) => process.send?.({ result }));
  });
  process.send?.({ ready: true });
}
