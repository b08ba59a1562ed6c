// The version of this build, as its own manifest says it.
import { readFileSync } from 'node:fs';

/** Two folders up from src/process and from dist/process. */
const MANIFEST = new URL('../../package.json', import.meta.url);

export const VERSION = (JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string }).version; // our own, so it has one
