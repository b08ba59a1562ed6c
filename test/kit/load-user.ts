// One user of a load test: a keep-alive connection with its own cookies, which checks every byte of every answer.
import net from 'node:net';
import tls from 'node:tls';
import {
  fromChunks,
  INDEX_AT,
  postRequest,
  type RequestShape,
  shapedRequest,
  smallBody,
} from './load-message.ts';

const HEAD_END = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
const SET_COOKIE = /\r\nset-cookie: *([^=;\r\n]+)=([^;\r\n]*)/gi;
/** An answer longer than this is none of ours. */
const ANSWER_BYTES_MAX = 65536;
const BODIES = Array.from({ length: 10 }, (_, index) => smallBody(index));

/** What a user shows with every request. */
export interface Credential {
  /** Pairs of the app's own cookies: `name=value; name=value`. */
  readonly cookies?: string;
  readonly authorization?: string;
}

/** What a user tells of each request that ended. Times are ms of `performance.now()`. */
export interface UserReport {
  /** `home` is the upstream that answered. */
  answered(user: LoadUser, home: number): void;
  /** `why` is `status 502`, `closed`, `body`, `connect …` or `no answer`. */
  failed(user: LoadUser, why: string): void;
}

/** All sockets of a process read into one buffer: what was read is looked at before the next read begins. */
const shared = Buffer.allocUnsafeSlow(65536);

/** A user has at most one request under way; `send` must not be called while `busy`. */
export class LoadUser {
  readonly id: number;
  busy = false;
  /** The request under way is a POST. */
  posting = false;
  /** When the request under way should have been sent. */
  dueMs = 0;
  /** When it was. */
  sentMs = 0;
  /** Upstream that answered last, or -1. */
  home = -1;
  readonly #port: () => number;
  readonly #report: UserReport;
  readonly #cookies: Map<string, string>;
  readonly #credential: Credential;
  readonly #shape: RequestShape;
  readonly #secure: boolean;
  #get: Buffer;
  #post: Buffer;
  #socket: net.Socket | null = null;
  #partial: Buffer | null = null;
  /** The last whole answer: most are equal byte for byte, and a comparison is cheaper than a parser. */
  #known: Buffer | null = null;

  /**
   * `port`: where it connects to, asked for each connection where it is a function. `shape` is that of its requests, but for those that `send` is
   * told to post; `secure`: by TLS, with a full handshake for each connection.
   */
  constructor(
    id: number,
    port: number | (() => number),
    report: UserReport,
    credential: Credential = {},
    shape: RequestShape = 'get',
    secure = false,
  ) {
    this.id = id;
    this.#port = typeof port === 'number' ? () => port : port;
    this.#report = report;
    this.#credential = credential;
    this.#shape = shape;
    this.#secure = secure;
    // The app's own session cookie, by which proxies that hash can tell users apart.
    this.#cookies = new Map([['session', `u${id}-${(id * 2654435761) % 4294967296}`]]);
    this.#get = shapedRequest(this.#shape, this.#cookieLine());
    this.#post = postRequest(this.#cookieLine());
  }

  /** The affinity cookies and the app's, as sent. */
  #cookieLine(): string {
    const pairs = Array.from(this.#cookies, ([name, value]) => `${name}=${value}`);
    const { cookies, authorization } = this.#credential;
    const line = [...pairs, ...(cookies === undefined ? [] : [cookies])].join('; ');
    // Both are one line to whoever lays the request out.
    return authorization === undefined ? line : `${line}\r\nAuthorization: ${authorization}`;
  }

  /** True once a proxy has set a cookie of its own. */
  get hasAffinity(): boolean {
    return this.#cookies.size > 1;
  }

  /** Sends a request that was due at `dueMs`; dials first if there is no connection. */
  send(posting: boolean, dueMs: number, nowMs: number): void {
    this.busy = true;
    this.posting = posting;
    this.dueMs = dueMs;
    this.sentMs = nowMs;
    const socket = this.#socket ?? this.#dial();
    socket.write(posting ? this.#post : this.#get);
  }

  /** Opens the connection without a request. */
  #dial(): net.Socket {
    const socket: net.Socket = this.#secure ? this.#dialTls() : this.#dialPlain();
    let trouble = 'closed';
    socket.on('error', (error: NodeJS.ErrnoException) => {
      trouble = error.syscall === 'connect' ? `connect ${error.code}` : 'closed';
    });
    socket.on('close', () => {
      if (this.#socket === socket) this.#lost(trouble);
    });
    this.#socket = socket;
    return socket;
  }

  #dialPlain(): net.Socket {
    const socket = net.connect({
      port: this.#port(),
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: shared,
        callback: (n) => {
          // Bytes of a connection that was given up reach nobody.
          if (this.#socket === socket) this.#read(n);
          return true;
        },
      },
    });
    return socket;
  }

  /** Whom it talks to is not asked: what a handshake costs the proxy is the same. The client's one cipher is that of all. */
  #dialTls(): net.Socket {
    const socket = tls.connect({
      port: this.#port(),
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ciphers: 'TLS_AES_128_GCM_SHA256',
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['http/1.1'],
    });
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      if (this.#socket !== socket) return;
      chunk.copy(shared);
      this.#read(chunk.length);
    });
    return socket;
  }

  /** Gives up the connection; a request under way has failed if it had no answer that the end completes. */
  #lost(trouble: string): void {
    this.#socket = null;
    const partial = this.#partial;
    this.#partial = null;
    if (!this.busy) return;
    if (partial === null || !this.#judge(partial, true)) this.#fail(trouble);
  }

  /** Drops the connection; a request under way fails with `why`. */
  close(why: string): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#partial = null;
    socket?.destroy();
    if (this.busy) this.#fail(why);
  }

  #fail(why: string): void {
    this.busy = false;
    this.#report.failed(this, why);
  }

  #read(n: number): void {
    const known = this.#known;
    if (
      known !== null &&
      known.length === n &&
      this.#partial === null &&
      this.busy &&
      known.compare(shared, 0, n) === 0
    ) {
      this.busy = false;
      this.#report.answered(this, this.home);
      return;
    }
    if (!this.busy) {
      // Nobody asked: the next request would read somebody else's answer.
      this.close('unasked bytes');
      return;
    }
    const fresh = Buffer.from(shared.subarray(0, n));
    const answer = this.#partial === null ? fresh : Buffer.concat([this.#partial, fresh]);
    this.#partial = answer;
    if (answer.length > ANSWER_BYTES_MAX) this.close('answer too long');
    else this.#judge(answer, false);
  }

  /** Looks at `answer` as it stands, `ended` if no more will come. False while it is not complete. */
  #judge(answer: Buffer, ended: boolean): boolean {
    const end = answer.indexOf(HEAD_END);
    if (end < 0) return false;
    const head = answer.toString('latin1', 0, end + 2);
    const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head);
    let chunked = false;
    const bodyBytes = answer.length - end - 4;
    if (length !== null) {
      if (bodyBytes < Number(length[1])) return false;
    } else if (/\r\ntransfer-encoding: *chunked\r\n/i.test(head)) {
      if (answer.indexOf(LAST_CHUNK, end) !== answer.length - LAST_CHUNK.length) return false;
      chunked = true;
    } else if (!ended) return false;
    this.#partial = null;
    const status = head.slice(9, 12);
    const closing = /\r\nconnection: *close\r\n/i.test(head);
    if (status !== '200') {
      this.#end(closing);
      this.#fail(`status ${status}`);
      return true;
    }
    const coded = answer.toString('latin1', end + 4);
    const body = chunked ? fromChunks(coded) : coded;
    const home = body.charCodeAt(INDEX_AT) - 48;
    if (BODIES[home] === undefined || body !== BODIES[home]) {
      this.#end(true);
      this.#fail('body');
      return true;
    }
    const fresh = this.#keepCookies(head);
    this.#known = closing || fresh ? null : answer;
    this.#end(closing);
    this.busy = false;
    const before = this.home;
    this.home = home;
    if (before >= 0 && before !== home) this.movedFrom = before;
    this.#report.answered(this, home);
    return true;
  }

  /** Set when an answer came from another upstream than the one before; whoever counts moves sets it back to -1. */
  movedFrom = -1;

  #end(closing: boolean): void {
    if (!closing) return;
    const socket = this.#socket;
    this.#socket = null;
    socket?.destroy();
  }

  /** True if the answer set a cookie. */
  #keepCookies(head: string): boolean {
    let found = false;
    for (const [, name, value] of head.matchAll(SET_COOKIE)) {
      this.#cookies.set(name!, value!);
      found = true;
    }
    if (found) {
      this.#get = shapedRequest(this.#shape, this.#cookieLine());
      this.#post = postRequest(this.#cookieLine());
    }
    return found;
  }
}
