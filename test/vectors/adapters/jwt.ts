// JWT vectors as session blocks: key sets go through a file, as an operator would keep one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Configured, Vector } from '../judge.ts';

/** One file a key set, for as long as the process lives. */
const files = new Map<string, string>();

export function jwt({ config, secrets }: Vector): Configured {
  return {
    verify: 'jwt',
    cookie: config.cookieName,
    secrets: [...secrets],
    user: config.userIdKeys,
    options: {
      jwksFile: config.jwks === undefined ? null : fileOf(JSON.stringify(config.jwks)),
      algorithms: config.algorithms,
      issuer: texts(config.issuer),
      audience: texts(config.audience),
      clockTolerance: config.clockTolerance ?? 0,
    },
  };
}

function texts(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value;
  return typeof value === 'string' ? [value] : [];
}

function fileOf(text: string): string {
  let path = files.get(text);
  if (path === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-jwks-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    path = join(folder, 'jwks.json');
    writeFileSync(path, text);
    files.set(text, path);
  }
  return path;
}
