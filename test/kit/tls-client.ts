// Clients by TLS under a test's hand: Node's own, byte by byte, and openssl's.
import { spawn } from 'node:child_process';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import t from 'tap';
import { RawClient } from './raw-client.ts';

/** A client whose socket is a TLSSocket; the handshake is done. Rejects where there was none. Destroyed with the test file. */
export function openTls(
  port: number,
  options: ConnectionOptions = {},
): Promise<RawClient & { readonly socket: TLSSocket }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.off('error', reject);
      const client = new RawClient(socket);
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      // Because: the socket that it was made with is this one.
      resolve(client as RawClient & { readonly socket: TLSSocket });
    });
  });
}

const open = new Set<TLSSocket>();
t.teardown(() => {
  for (const socket of open) socket.destroy();
});

/** What `openssl ARGS` printed, both streams together; `input` is typed into it. */
export function openssl(
  args: readonly string[],
  input = '',
): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('timeout', ['20', 'openssl', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, text }));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
