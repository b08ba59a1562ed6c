// An HTTP probe: one request over a fresh connection, judged by its status and body, or by whether anything answers at all.
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls';
import type { Timer } from '../base/timers.ts';
import type { Address, UpstreamTls } from '../upstream/upstream.ts';
import type { StatusRange } from './options.ts';
import {
  errorCode,
  type Probe,
  type ProbeDone,
  type ProbeTarget,
  type ProbeTime,
  spellMs,
  Verdict,
} from './probe.ts';

/** How much of a body is read in search of the text, bytes; more is neither read nor kept. */
export const BODY_BYTES_MAX = 64 * 1024;

/** A server that sends no 100 gets the content after this time, ms: some answer nothing before they have it. */
const CONTENT_AFTER_MS = 10;

/** What is asked, and what is a good answer. */
export interface HttpQuestion {
  readonly method: string;
  readonly path: string;
  /** `Host`; null: the upstream's own. */
  readonly host: string | null;
  readonly headers: readonly (readonly [string, string])[];
  /** Another port of the upstream's; null: the same. Means nothing to a unix socket. */
  readonly port: number | null;
  readonly timeoutMs: number;
  /** Good statuses, or `life`: any sign that the process runs is good, be it a 100, a 500, a TLS handshake or nonsense. */
  readonly good: readonly StatusRange[] | 'life';
  /** Text that the body's first 64 KiB must hold; null: any. */
  readonly body: string | null;
}

/**
 * Asks the question. Never throws; the socket is closed with the result, or soon after a result by status alone, once the rest of
 * the body has been let in (at most 64 KiB, at most until the timeout), so that the app does not see its answer torn up.
 */
export function startHttpProbe(
  time: ProbeTime,
  target: ProbeTarget,
  question: HttpQuestion,
  done: ProbeDone,
): Probe {
  const verdict = new Verdict(time, done);
  let request: ClientRequest;
  try {
    const options = requestOptions(target, question);
    request = target.tls === null ? httpRequest(options) : httpsRequest(options);
  } catch (error) {
    // A path or field that Node refuses to send. Told later, as every result is.
    queueMicrotask(() => verdict.failed(error));
    return { cancel: () => verdict.drop() };
  }
  let connected = false;
  let contentTimer: Timer | null = null;
  const end = (): void => {
    timer.cancel();
    contentTimer?.cancel();
    request.destroy();
  };
  const timer = time.timers.after(question.timeoutMs, () => {
    end();
    verdict.dead(`${connected ? 'no answer' : 'no connect'} within ${spellMs(question.timeoutMs)}`);
  });
  const life = question.good === 'life';
  const seenAlive = (why: string, statusCode = 0): void => {
    end();
    verdict.alive(why, statusCode);
  };

  request.on('socket', (socket) => {
    socket.once('connect', () => {
      connected = true;
    });
    // A process that is stopped shakes no hands.
    if (life) socket.once('secureConnect', () => seenAlive('answered the TLS handshake'));
  });
  request.on('error', (error) => {
    end();
    if (life && errorCode(error).startsWith('HPE_')) verdict.alive('answered');
    else verdict.failed(error);
  });
  request.on('information', (info) => {
    if (life) seenAlive(`answered ${info.statusCode}`, info.statusCode);
  });
  request.on('upgrade', (answer, socket) => {
    socket.destroy();
    judgeStatus(answer.statusCode ?? 0);
    end();
  });
  request.on('response', (answer) => {
    const status = answer.statusCode ?? 0;
    if (life) seenAlive(`answered ${status}`, status);
    else if (!judgeStatus(status)) end();
    else readBody(answer, status);
  });
  if (expectsContinue(question)) {
    request.flushHeaders();
    contentTimer = time.timers.after(CONTENT_AFTER_MS, () => request.end('\n'));
  } else request.end();
  return {
    cancel: () => {
      verdict.drop();
      end();
    },
  };

  /** Settles what the status alone can settle. True when the body is still to be read. */
  function judgeStatus(status: number): boolean {
    const good = question.good as readonly StatusRange[];
    if (!good.some((range) => status >= range.from && status <= range.to)) {
      verdict.dead(`answered ${status}, expected ${rangesText(good)}`, status);
      return false;
    }
    if (question.body === null) verdict.alive(`answered ${status}`, status);
    return true;
  }

  function readBody(answer: IncomingMessage, status: number): void {
    const wanted = question.body === null ? null : Buffer.from(question.body, 'utf8');
    const kept = wanted === null ? null : Buffer.allocUnsafe(BODY_BYTES_MAX);
    let length = 0;
    const missing = (): void => {
      end();
      verdict.dead(`answered ${status}, but its body lacks the expected text`, status);
    };
    answer.on('data', (part: Buffer) => {
      // Only what is new is searched, with as much before it as a text cut in two may need.
      const from = wanted === null ? 0 : Math.max(0, length - wanted.length + 1);
      kept?.set(part.subarray(0, BODY_BYTES_MAX - length), length);
      length = Math.min(BODY_BYTES_MAX, length + part.length);
      if (kept !== null && wanted !== null && kept.subarray(from, length).includes(wanted)) {
        end();
        verdict.alive(`answered ${status} with the expected text`, status);
        return;
      }
      if (length >= BODY_BYTES_MAX) missing();
    });
    answer.on('end', missing);
    answer.on('error', (error) => {
      end();
      verdict.failed(error);
    });
  }
}

/**
 * Whether to ask for a 100 first (RFC 9110 section 10.1.1). Many servers send it before the app's own code runs, so that an app
 * that takes seconds for an answer is told from one that is stopped. Only where we chose the request ourselves.
 */
function expectsContinue(question: HttpQuestion): boolean {
  return question.good === 'life' && question.method === 'OPTIONS';
}

function requestOptions(target: ProbeTarget, question: HttpQuestion): RequestOptions & ConnectionOptions {
  const { address, authority, tls } = target;
  // Another port is another server's, which nobody said wants a header.
  const greeting = question.port === null ? (target.greeting ?? null) : null;
  const headers: [string, string][] = [
    ['Host', question.host ?? authority ?? 'localhost'],
    ...question.headers.map(([name, value]): [string, string] => [name, value]),
    ['Connection', 'close'],
  ];
  if (expectsContinue(question)) {
    headers.push(['Expect', '100-continue'], ['Content-Length', '1']);
  }
  const secure = tls === null ? null : tlsOptions(tls, authority);
  return {
    // With an agent, even a fresh one, Node asks that one for the connection.
    ...(greeting === null
      ? { agent: false }
      : { createConnection: () => greetedConnection(address, greeting, secure) }),
    method: question.method,
    path: question.path,
    setHost: false,
    headers: headers.flat(),
    ...('path' in address
      ? { socketPath: address.path }
      : { host: address.host, port: question.port ?? address.port }),
    ...secure,
  };
}

function tlsOptions(tls: UpstreamTls, authority: string | null): ConnectionOptions {
  return {
    servername: tls.serverName ?? serverNameOf(authority),
    rejectUnauthorized: tls.verify,
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(tls.cert === null ? {} : { cert: tls.cert }),
    ...(tls.key === null ? {} : { key: tls.key }),
  };
}

/** Connects as Node would, but says `greeting` before anything else. */
function greetedConnection(address: Address, greeting: Uint8Array, secure: ConnectionOptions | null): Socket {
  const socket = 'path' in address ? connect(address.path) : connect(address.port, address.host);
  socket.write(greeting);
  return secure === null ? socket : tlsConnect({ ...secure, socket });
}

/** The host of `host:port` as a server name; empty for an address, which may not be one (RFC 6066 section 3). */
function serverNameOf(authority: string | null): string {
  if (authority === null) return 'localhost';
  const colon = authority.lastIndexOf(':');
  const host = colon > authority.lastIndexOf(']') ? authority.slice(0, colon) : authority;
  return isIP(host.replace(/^\[|\]$/g, '')) === 0 ? host : '';
}

function rangesText(ranges: readonly StatusRange[]): string {
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}
