// The Fastify that the admin and the probes listener share: small limits, short timeouts, one shape of error.
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyListenOptions,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { AdminTls, Bind } from '../config/config.ts';
import type { Logger } from '../observe/logger.ts';
import { nameBeside, SocketFile } from '../socket/socket-file.ts';
import { secureOptions } from './admin-tls.ts';
import { Crowd } from './crowd.ts';
import { errorBody, fieldMessage } from './errors.ts';
import { LAZY_SERIALIZERS } from './lazy-serializers.ts';
import { MethodTable } from './method-table.ts';
import { ERROR } from './schema.ts';

declare module 'fastify' {
  interface FastifyInstance {
    readonly crowd: Crowd;
  }
  interface FastifyReply {
    /** Code of the error that it says; empty while it says none. */
    errorCode: string;
  }
}

/** The largest body that any call takes, bytes: a change of one upstream is under a hundred. */
const BODY_BYTES_MAX = 16 * 1024;
const HEAD_BYTES_MAX = 16 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
/** How often the server looks for requests past their timeout. */
const TIMEOUT_CHECK_MS = 2_000;
/** Longer than Prometheus' usual minute between scrapes, so that a scraper keeps its connection. */
const KEEP_ALIVE_MS = 75_000;
/** A dashboard, a few scrapers and a person's curl need ten. */
const CONNECTIONS_MAX = 256;
/** Names of upstreams travel in the path, percent-encoded. */
const PARAM_CHARS_MAX = 512;

/** An instance without routes, of HTTPS where `tls` is given. Errors are `{ error: { code, message } }`, whatever raised them. */
export function makeApp(logger: Logger, tls: AdminTls | null = null): FastifyInstance {
  const parser = {
    maxHeaderSize: HEAD_BYTES_MAX,
    headersTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
  };
  const secure = tls === null ? {} : { https: { ...parser, ...secureOptions(tls) } };
  const app = Fastify({
    ...secure,
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: KEEP_ALIVE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: parser,
    // The end of the process does not wait for a scraper's idle connection.
    forceCloseConnections: true,
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
    schemaController: { compilersFactory: { buildSerializer: LAZY_SERIALIZERS } },
    ajv: {
      customOptions: {
        removeAdditional: false,
        coerceTypes: false,
        useDefaults: false,
        // A user's id may be a text or a number; else the validator says on stderr that it would not write it so.
        allowUnionTypes: true,
        allErrors: true,
        verbose: true,
      },
    },
    frameworkErrors: (_error, _request, reply) => {
      answer(reply, 400, 'request.path', 'The path has a broken percent escape, or a name that is too long.');
    },
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy();
        return;
      }
      socket.end(connectionAnswer(error.code));
    },
  });
  app.decorate('crowd', new Crowd(CONNECTIONS_MAX));
  app.crowd.watch(app.server);
  // What was told to go is counted by the system for a moment still.
  app.server.maxConnections = 2 * CONNECTIONS_MAX;
  app.addSchema(ERROR);
  const methods = new MethodTable();
  app.addHook('onRoute', ({ url, method }) => methods.add(url, method));
  // A body is JSON or refused: a web page's form can't send JSON without asking first.
  app.removeContentTypeParser('text/plain');
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (!reply.hasHeader('Cache-Control')) reply.header('Cache-Control', 'no-store');
    reply.header('X-Content-Type-Options', 'nosniff');
    done(null, payload);
  });
  app.decorateReply('errorCode', '');
  app.setNotFoundHandler((request, reply) => {
    const allowed = methods.of(request.url);
    if (allowed.length > 0) {
      const list = allowed.join(', ');
      const message = `${request.method} is no method of this path; it takes ${list}.`;
      answer(reply.header('Allow', list), 405, 'method.wrong', message);
      return;
    }
    answer(
      reply,
      404,
      'path.unknown',
      `There is no ${request.method} of this path here; GET / lists what there is.`,
    );
  });
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply, logger));
  return app;
}

/** The whole answer to what Node's parser gave up on, by the code of its error. */
function connectionAnswer(code: string): string {
  let line = '400 Bad Request';
  let body = errorBody('request.malformed', 'This is no HTTP/1.1 request that can be read.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    line = '408 Request Timeout';
    body = errorBody(
      'request.timeout',
      `The request was not complete within ${REQUEST_TIMEOUT_MS / 1000} s.`,
    );
  } else if (code === 'HPE_HEADER_OVERFLOW') {
    line = '431 Request Header Fields Too Large';
    body = errorBody('request.head.large', `The head is longer than ${HEAD_BYTES_MAX} bytes.`);
  }
  const text = JSON.stringify(body);
  const fields = `Content-Type: application/json\r\nConnection: close\r\nContent-Length: ${text.length}`;
  return `HTTP/1.1 ${line}\r\n${fields}\r\n\r\n${text}`;
}

/** Sends an error in the one shape. */
export function answer(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
  reply.errorCode = code;
  return reply.code(status).type('application/json; charset=utf-8').send(errorBody(code, message));
}

function answerError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
  logger: Logger,
): void {
  if (error.validation !== undefined) {
    const { code, whole } = PARTS[error.validationContext ?? 'body'];
    const message = error.validation.map((failure) => fieldMessage(failure, whole)).join('; ');
    answer(reply, 400, code, message);
    return;
  }
  const known = FRAMEWORK_ERRORS[error.code];
  if (known !== undefined) {
    answer(reply, known.status, known.code, known.message);
    return;
  }
  const status = error.statusCode ?? 500;
  if (status < 500) {
    answer(reply, status, 'request.refused', error.message);
    return;
  }
  logger.error(
    { err: error, method: request.method, route: request.routeOptions.url },
    'an admin request failed',
  );
  answer(reply, 500, 'internal', 'Limpet failed to answer this; its log says why.');
}

/** Where the mistake is, by Fastify's word for the part. */
const PARTS = {
  body: { code: 'body.invalid', whole: 'the body' },
  querystring: { code: 'query.invalid', whole: 'the query' },
  params: { code: 'request.path', whole: 'the path' },
  headers: { code: 'header.invalid', whole: 'the head' },
} as const;

/** What Fastify itself refuses, in our words. */
const FRAMEWORK_ERRORS: Readonly<Record<string, { status: number; code: string; message: string }>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    code: 'body.type',
    message: 'The body must be JSON: send Content-Type: application/json.',
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: {
    status: 400,
    code: 'body.empty',
    message: 'The body is empty; JSON was expected.',
  },
  FST_ERR_CTP_INVALID_JSON_BODY: { status: 400, code: 'body.json', message: 'The body is not JSON.' },
  FST_ERR_CTP_BODY_TOO_LARGE: {
    status: 413,
    code: 'body.large',
    message: `The body is longer than ${BODY_BYTES_MAX} bytes.`,
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    code: 'body.length',
    message: 'The body is not as long as Content-Length says.',
  },
};

/** Listens and returns what to type to reach it: `http://127.0.0.1:9090`, `https://…`, or `unix:/path`. Rejects as `net.Server` does (EADDRINUSE …). */
export async function listenOn(app: FastifyInstance, bind: Bind, fd: number | null = null): Promise<string> {
  if (bind.kind === 'unix') {
    // A successor's socket takes the place of ours in one step, and closing ours does not remove its file.
    const path = nameBeside(bind.path);
    let file: SocketFile | null = null;
    app.addHook('onClose', async () => file?.remove());
    await app.listen({ path });
    file = SocketFile.place(path, bind.path);
    return `unix:${bind.path}`;
  }
  if (fd === null) await app.listen({ host: bind.host, port: bind.port });
  else {
    // Because: Fastify's types leave out what it hands on to Node. A host by name would make it listen on each of its addresses.
    const options: FastifyListenOptions & { readonly fd: number } = { fd, host: '127.0.0.1' };
    await app.listen(options);
  }
  const address = app.server.address();
  // The bound port may differ from the asked one: 0 asks for any.
  const port = typeof address === 'object' && address !== null ? address.port : bind.port;
  const scheme = 'setSecureContext' in app.server ? 'https' : 'http';
  return `${scheme}://${bind.host.includes(':') ? `[${bind.host}]` : bind.host}:${port}`;
}
