// GET / for browsers, and the files of the page: they hold no data, so they need no token; what the page shows it asks for with one.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { answer } from '../app.ts';
import type { PageFile } from '../page-files.ts';
import { part, plain, route, text } from '../schema.ts';

/**
 * Nothing from elsewhere, nothing inline, no frame around it, and no text made into markup or script (Trusted Types): what an
 * upstream's name or a revocation's reason says stays text.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

interface FilePath {
  Params: { readonly name: string };
}

const GET_FILE = route({
  id: 'getPageFile',
  does: "One of the dashboard's files.",
  more: 'Style sheets, scripts and pictures, each by its own type.',
  about: 'process',
  access: 'none',
  params: part<{ name: string }>('', { name: text('Name of the file.') }),
  answers: { 200: plain('text/css', 'The file.') },
  refusals: { 404: ['path.unknown'] },
});

/** Adds `GET /page/NAME`. */
export function addPageRoutes(app: FastifyInstance, files: ReadonlyMap<string, PageFile>): void {
  app.get<FilePath>('/page/:name', GET_FILE, (request, reply) => {
    const { name } = request.params;
    const file = name === 'index.html' ? undefined : files.get(name);
    if (file === undefined) answer(reply, 404, 'path.unknown', 'The page has no such file.');
    else sendPageFile(request, reply, file);
  });
}

/** Whether whoever asks is a browser that wants a page: `text/html` is named, which no command-line client does by itself. */
export function wantsPage(request: FastifyRequest): boolean {
  const { method } = request;
  return (method === 'GET' || method === 'HEAD') && /\btext\/html\b/i.test(request.headers.accept ?? '');
}

/** Sends it, or 304 where the client has it. It is kept and asked for anew each time, so that an upgrade shows at once. */
export function sendPageFile(request: FastifyRequest, reply: FastifyReply, file: PageFile): void {
  const zipped = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  const tag = zipped ? file.gzippedTag : file.tag;
  reply
    .header('Cache-Control', 'no-cache')
    .header('Content-Security-Policy', POLICY)
    .header('Referrer-Policy', 'no-referrer')
    .header('Cross-Origin-Opener-Policy', 'same-origin')
    .header('Cross-Origin-Resource-Policy', 'same-origin')
    .header('Vary', 'Accept, Accept-Encoding')
    .header('ETag', tag);
  const known = request.headers['if-none-match'] ?? '';
  if (known.split(',').some((one) => one.trim().replace(/^W\//, '') === tag)) {
    reply.code(304).send();
    return;
  }
  reply.type(file.type);
  if (zipped) reply.header('Content-Encoding', 'gzip');
  reply.send(zipped ? file.gzipped : file.body);
}
