// The dashboard's files, read once at start: there are few, they are small, and what is not in the list can't be asked for.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';

/** One file as it is sent. */
export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;
  /** Strong validator of `body` (RFC 9110 section 8.8.3); of `gzipped` it is `gzippedTag`. */
  readonly tag: string;
  readonly gzippedTag: string;
}

const FOLDER = new URL('./page/', import.meta.url);
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** All of them by name, `index.html` among them, and uPlot's as `uplot.js` and `uplot.css`. Throws when one cannot be read. */
export function readPage(): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const name of readdirSync(FOLDER)) {
    const type = TYPES[extname(name)];
    if (type !== undefined) files.set(name, fileOf(type, readFileSync(new URL(name, FOLDER))));
  }
  for (const [name, path] of [
    ['uplot.js', 'uplot/dist/uPlot.iife.min.js'],
    ['uplot.css', 'uplot/dist/uPlot.min.css'],
  ] as const) {
    const type = TYPES[extname(name)]!;
    files.set(name, fileOf(type, readFileSync(new URL(import.meta.resolve(path)))));
  }
  return files;
}

function fileOf(type: string, body: Buffer): PageFile {
  const digest = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return { type, body, gzipped: gzipSync(body), tag: `"${digest}"`, gzippedTag: `"${digest}-gzip"` };
}
