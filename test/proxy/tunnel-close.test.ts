// How a tunnel is closed whose session is over: between two frames, each side by a close frame of its own; else it is cut in time.
import t from 'tap';
import type { ByteWriter } from '../../src/base/byte-writer.ts';
import { Deadlines, LOOSE, type Timed } from '../../src/base/deadlines.ts';
import { LaterWork } from '../../src/base/later-work.ts';
import { RandomBytes } from '../../src/base/random.ts';
import { GOING_AWAY, SESSION_OVER, Tunnel } from '../../src/proxy/tunnel.ts';
import { type ByteSocket, noOwner } from '../../src/socket/byte-socket.ts';
import type { UpstreamConnection } from '../../src/upstream/connection.ts';

class FakeSocket implements ByteSocket {
  owner = noOwner;
  pendingBytes = 0;
  destroyed = false;
  readonly cutShort = false;
  readonly remoteAddress = '';
  readonly remotePort = 0;
  readonly localAddress = '';
  written = Buffer.alloc(0);
  ended = false;
  paused = false;
  /** It takes nothing for now. */
  stuck = false;

  write(out: ByteWriter): boolean {
    const view = Buffer.from(out.view());
    out.reset();
    if (this.ended || this.destroyed) return true;
    this.written = Buffer.concat([this.written, view]);
    if (this.stuck) this.pendingBytes += view.length;
    return !this.stuck;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  peerHasReset(): boolean {
    return false;
  }
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
  }
  reset(): void {
    this.destroyed = true;
  }
}

class FakeUpstream implements Timed {
  deadlineMs = Number.POSITIVE_INFINITY;
  wheelSlot: number = LOOSE;
  wheelPrev: Timed | null = null;
  wheelNext: Timed | null = null;
  readonly socket = new FakeSocket();
  user: Tunnel | null = null;
  get gone(): boolean {
    return this.socket.destroyed;
  }
  destroyLater(later: LaterWork): void {
    this.user = null;
    later.add({ doLater: () => this.socket.destroy() });
  }
  destroy(): void {
    this.user = null;
    this.socket.destroy();
  }
  onDeadline(): void {
    this.user?.onUpstreamDeadline();
  }
}

const CLOSE = Buffer.from('\x88\x0f\x11\x31session ended', 'latin1');

function open(framed = true) {
  const deadlines = new Deadlines(0);
  const client = new FakeSocket();
  const upstream = new FakeUpstream();
  let over = 0;
  const exchange = {
    plan: { timeouts: { streamMs: 2000, tunnelTotalMs: 0, tunnelMs: 3_600_000 } },
    plane: { randomBytes: new RandomBytes() },
    framed,
    onTunnelTime: () => {},
    tunnelOver: () => {
      over++;
    },
  };
  const timed: Timed = {
    deadlineMs: Number.POSITIVE_INFINITY,
    wheelSlot: LOOSE,
    wheelPrev: null,
    wheelNext: null,
    onDeadline: (nowMs) => tunnel.onQuiet(nowMs),
  };
  // Because: a tunnel uses no more of a connection than this; a real one needs a socket.
  const connection = upstream as unknown as UpstreamConnection;
  const tunnel: Tunnel = new Tunnel(timed, client, connection, exchange, deadlines);
  tunnel.arm();
  let nowMs = 0;
  const turns: (() => void)[] = [];
  const later = new LaterWork(
    () => nowMs,
    (run) => turns.push(run),
  );
  return {
    tunnel,
    /** Closes it as its door does: the client is told now, the app with `later`. */
    end: () => tunnel.close(SESSION_OVER, later),
    later: () => {
      for (const run of turns.splice(0)) run();
    },
    client,
    upstream: upstream.socket,
    over: () => over,
    down: (bytes: Buffer) => tunnel.onUpstreamBytes(connection, bytes, 0, bytes.length),
    up: (bytes: Buffer) => tunnel.fromClient(bytes, 0, bytes.length),
    upstreamClosed: () => tunnel.onUpstreamClosed(connection, null),
    pass: (ms: number) => {
      for (const endMs = nowMs + ms; nowMs < endMs; deadlines.tick(nowMs)) nowMs += 20;
    },
  };
}

/** A frame as a server sends it, and as a client does. */
const fromServer = (length: number): Buffer =>
  Buffer.concat([Buffer.from([0x82, length]), Buffer.alloc(length, 1)]);
const fromClient = (length: number): Buffer =>
  Buffer.concat([Buffer.from([0x82, 0x80 | length, 9, 9, 9, 9]), Buffer.alloc(length, 1)]);

/** What a masked close frame says. */
function unmasked(frame: Buffer): Buffer {
  const mask = frame.subarray(2, 6);
  const payload = Buffer.from(frame.subarray(6).map((byte, i) => byte ^ mask[i % 4]!));
  return Buffer.concat([Buffer.from([frame[0]!, frame[1]! & 0x7f]), payload]);
}

t.test('between two frames both sides are told at once, and nothing passes any more', async (t) => {
  const it = open();
  it.down(fromServer(5));
  it.up(fromClient(3));
  it.tunnel.close();
  it.tunnel.close();
  t.same(it.client.written, Buffer.concat([fromServer(5), CLOSE]));
  t.same(it.upstream.written.subarray(0, 9), fromClient(3));
  t.same(unmasked(it.upstream.written.subarray(9)), CLOSE);
  t.ok(it.client.ended && it.upstream.ended);
  it.down(fromServer(1));
  it.up(fromClient(1));
  t.equal(it.client.written.length, 7 + CLOSE.length);
  t.equal(it.over(), 0, 'the client has a while to close');
  it.tunnel.clientEnded();
  it.tunnel.onUpstreamEnd();
  t.equal(it.over(), 1);
  it.pass(3000);
  t.equal(it.over(), 1, 'and it is over once');
  t.ok(it.client.destroyed && it.upstream.destroyed);
});

t.test('within a frame its end is waited for, on each side for itself', async (t) => {
  const it = open();
  const long = fromServer(100);
  const sent = fromClient(50);
  it.down(long.subarray(0, 1));
  it.up(sent.subarray(0, 20));
  it.tunnel.close();
  t.equal(it.client.written.length, 1);
  t.notOk(it.client.ended || it.upstream.ended);
  it.pass(100);
  it.down(Buffer.concat([long.subarray(1), fromServer(9)]));
  t.same(it.client.written, Buffer.concat([long, CLOSE]), 'what stands behind it is dropped');
  it.up(sent.subarray(20, 30));
  t.notOk(it.upstream.ended);
  it.up(sent.subarray(30));
  t.same(it.upstream.written.subarray(0, sent.length), sent);
  t.same(unmasked(it.upstream.written.subarray(sent.length)), CLOSE);
  it.tunnel.clientGone();
  t.equal(it.over(), 1);
  t.notOk(it.upstream.destroyed, 'the app reads its close frame in peace');
  it.pass(1100);
  t.ok(it.upstream.destroyed, 'and not forever');
});

t.test('a frame that does not end is cut', async (t) => {
  const it = open();
  it.down(fromServer(100).subarray(0, 50));
  it.tunnel.close();
  it.pass(180);
  t.notOk(it.client.destroyed);
  it.pass(60);
  t.ok(it.client.destroyed);
  t.equal(it.client.written.length, 50, 'with no close frame within it');
  t.equal(it.over(), 1);
  it.pass(1100);
  t.ok(it.upstream.destroyed);
});

t.test('a frame of the client’s that does not end keeps him from nothing', async (t) => {
  const it = open();
  it.up(fromClient(100).subarray(0, 50));
  it.tunnel.close();
  t.same(it.client.written, CLOSE);
  it.tunnel.clientGone();
  t.equal(it.over(), 1);
  t.ok(it.upstream.destroyed);
});

t.test('a client that does not read, or does not close, is cut', async (t) => {
  const slow = open();
  slow.client.stuck = true;
  slow.down(fromServer(100));
  slow.tunnel.close();
  slow.pass(240);
  t.ok(slow.client.destroyed, 'what he has not read he does not get');
  t.equal(slow.over(), 1);
  const idle = open();
  idle.tunnel.close();
  idle.pass(900);
  t.notOk(idle.client.destroyed);
  idle.pass(200);
  t.ok(idle.client.destroyed);
  t.equal(idle.over(), 1);
});

t.test('a side that has ended, or has sent a close frame, is told nothing more', async (t) => {
  const half = open();
  half.tunnel.clientEnded();
  half.tunnel.close();
  t.same(half.client.written, CLOSE);
  t.equal(half.upstream.written.length, 0);
  half.pass(1100);
  t.ok(half.client.destroyed && half.upstream.destroyed);
  const ended = open();
  ended.tunnel.onUpstreamEnd();
  ended.tunnel.close();
  t.equal(ended.client.written.length, 0, 'behind the end of the app nothing can be said');
  t.same(unmasked(ended.upstream.written), CLOSE);
  ended.pass(1100);
  t.ok(ended.client.destroyed && ended.upstream.destroyed);
  t.equal(ended.over(), 1);
  const closing = open();
  const close = Buffer.from([0x88, 0x02, 0x03, 0xe8]);
  closing.down(close);
  closing.tunnel.close();
  t.same(closing.client.written, close);
  t.ok(closing.client.ended);
});

t.test('an app that is gone first takes nothing from the client', async (t) => {
  const it = open();
  it.tunnel.close();
  it.tunnel.onUpstreamEnd();
  it.upstreamClosed();
  t.notOk(it.client.destroyed);
  t.equal(it.over(), 0);
  it.tunnel.clientEnded();
  t.equal(it.over(), 1);
  const early = open();
  early.down(fromServer(100).subarray(0, 9));
  early.tunnel.close();
  early.upstreamClosed();
  t.equal(early.over(), 1, 'within a frame there is nothing left to wait for');
  t.ok(early.client.ended);
});

t.test('the client of a session that is over is told first, and the app later', async (t) => {
  const it = open();
  it.up(fromClient(3));
  it.end();
  t.same(it.client.written, CLOSE);
  t.ok(it.client.ended);
  t.notOk(it.upstream.ended);
  it.down(fromServer(5));
  it.up(fromClient(1));
  it.up(fromClient(1));
  t.same(it.client.written, CLOSE, 'nothing passes any more');
  t.same(it.upstream.written, fromClient(3));
  it.later();
  t.same(unmasked(it.upstream.written.subarray(9)), CLOSE);
  t.ok(it.upstream.ended);
  it.tunnel.clientEnded();
  it.tunnel.onUpstreamEnd();
  t.equal(it.over(), 1);
  t.ok(it.client.destroyed && it.upstream.destroyed);
});

t.test('a client that goes before the app has been told takes nothing from the app', async (t) => {
  for (const goes of ['ends', 'is gone', 'ends and is gone', 'is cut', 'is cut by the end of the worker']) {
    const it = open();
    it.end();
    if (goes.startsWith('ends')) it.tunnel.clientEnded();
    if (goes.endsWith('gone')) it.tunnel.clientGone();
    if (goes === 'is cut') it.pass(1100);
    if (goes === 'is cut by the end of the worker') {
      it.tunnel.close(GOING_AWAY);
      it.tunnel.clientGone();
    }
    t.equal(it.over(), goes === 'ends' ? 0 : 1, goes);
    t.notOk(it.upstream.ended || it.upstream.destroyed);
    it.later();
    t.same(unmasked(it.upstream.written), CLOSE);
    t.ok(it.upstream.ended);
    t.notOk(it.upstream.destroyed, 'the app reads its close frame in peace');
    it.pass(1100);
    t.ok(it.upstream.destroyed, 'and not forever');
    t.equal(it.over(), 1, 'it is over once');
  }
});

t.test('an app that goes before it has been told leaves nothing to do', async (t) => {
  const it = open();
  it.end();
  it.tunnel.onUpstreamEnd();
  it.upstream.destroy();
  it.upstreamClosed();
  it.later();
  t.equal(it.upstream.written.length, 0);
  it.tunnel.clientEnded();
  t.equal(it.over(), 1);
  const half = open();
  half.end();
  half.tunnel.onUpstreamEnd();
  half.tunnel.clientGone();
  t.ok(half.upstream.destroyed, 'nobody is left on either side');
  half.later();
  t.equal(half.upstream.written.length, 0);
  t.equal(half.over(), 1);
});

t.test('within a frame of the client’s its end is waited for, though the app is told later', async (t) => {
  const it = open();
  const sent = fromClient(50);
  it.up(sent.subarray(0, 20));
  it.end();
  it.up(Buffer.concat([sent.subarray(20), fromClient(9)]));
  t.same(it.upstream.written, sent, 'what stands behind it is dropped');
  it.later();
  t.same(unmasked(it.upstream.written.subarray(sent.length)), CLOSE);
  const slow = open();
  slow.up(sent.subarray(0, 20));
  slow.end();
  slow.later();
  t.notOk(slow.upstream.ended);
  slow.up(sent.subarray(20));
  t.same(unmasked(slow.upstream.written.subarray(sent.length)), CLOSE);
  const gone = open();
  gone.up(sent.subarray(0, 20));
  gone.end();
  gone.tunnel.clientGone();
  t.ok(gone.upstream.destroyed, 'it never ends');
  gone.later();
  t.equal(gone.upstream.written.length, 20);
  t.equal(gone.over(), 1);
});

t.test('what is no WebSocket is cut for its client now, and for the app later', async (t) => {
  const it = open(false);
  it.end();
  t.ok(it.client.destroyed);
  t.equal(it.over(), 1);
  t.notOk(it.upstream.destroyed);
  it.later();
  t.ok(it.upstream.destroyed);
  t.equal(it.over(), 1);
});

t.test('what is no WebSocket is cut', async (t) => {
  const it = open(false);
  it.down(Buffer.from('hello'));
  it.tunnel.close();
  t.ok(it.client.destroyed && it.upstream.destroyed);
  t.same(it.client.written.toString(), 'hello');
  t.equal(it.over(), 1);
  it.pass(2000);
  t.equal(it.over(), 1);
});

t.test('a client that stopped reading before the end of its tunnel is not kept for ever', async (t) => {
  const it = open();
  it.client.stuck = true;
  it.down(fromServer(5));
  it.upstreamClosed();
  t.equal(it.over(), 1);
  t.ok(it.client.ended);
  it.pass(1900);
  t.notOk(it.client.destroyed, 'it is given time for what is on its way');
  it.pass(200);
  t.ok(it.client.destroyed);
});
