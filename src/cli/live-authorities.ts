// What `limpet check --live` tries of certificates by ACME: whether the authority's directory answers, and whether the folder can be written.
import { accessSync, constants, existsSync, opendirSync } from 'node:fs';
import { get } from 'node:https';
import { dirname } from 'node:path';
import { oneLine } from '../acme/problem.ts';
import type { AcmeOptions } from '../certificates/options.ts';
import type { Config } from '../config/config.ts';
import type { LiveFinding } from './live-finding.ts';

const ANSWER_MS = 10_000;
const ANSWER_BYTES_MAX = 64 * 1024;

/** Each directory and folder once. Nothing is ordered, and nothing is written. */
export async function checkAuthorities({ listeners }: Config): Promise<LiveFinding[]> {
  const all = listeners.flatMap(({ tls }) => (tls === null || tls.acme === null ? [] : [tls.acme]));
  const directories = new Map(all.map((acme) => [`${acme.directory} ${acme.ca} ${acme.eab === null}`, acme]));
  const asked = await Promise.all([...directories.values()].map(checkDirectory));
  return [...asked, ...[...new Set(all.map(({ folder }) => folder))].map(checkFolder)];
}

async function checkDirectory(options: AcmeOptions): Promise<LiveFinding> {
  const finding = { step: 'authority', at: options.directory } as const;
  try {
    const directory = JSON.parse(await read(options)) as {
      readonly newOrder?: unknown;
      readonly meta?: { readonly externalAccountRequired?: unknown };
    }; // anything may stand there
    if (typeof directory?.newOrder !== 'string')
      return { ...finding, ok: false, text: 'what answers is no directory of ACME' };
    if (directory.meta?.externalAccountRequired === true && options.eab === null)
      return {
        ...finding,
        ok: false,
        text: 'the authority takes nobody without a key that it gave out: eab',
      };
    return { ...finding, ok: true, text: 'the authority’s directory answers' };
  } catch (error) {
    const why = error instanceof SyntaxError ? 'what answers is no directory of ACME' : reasonOf(error);
    return { ...finding, ok: false, text: oneLine(why) };
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException; // `https` gives nothing else
  return `the authority’s directory cannot be read: ${message === '' ? code : message}`;
}

function read({ directory, ca }: AcmeOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const trust = ca === null ? {} : { ca };
    const asked = get(
      directory,
      { agent: false, signal: AbortSignal.timeout(ANSWER_MS), ...trust },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > ANSWER_BYTES_MAX) asked.destroy(new Error('it is too large'));
        });
        answer.once('error', reject);
        answer.once('end', () => {
          if (answer.statusCode === 200) resolve(text);
          else reject(new Error(`it answers ${answer.statusCode}`));
        });
      },
    );
    asked.once('error', reject);
  });
}

/** The folder is made when it is missing: then whoever is above it must be writable. */
function checkFolder(folder: string): LiveFinding {
  let there = folder;
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
    opendirSync(there).closeSync();
    return { step: 'authority', at: folder, ok: true, text: 'certificates can be kept here' };
  } catch {
    return {
      step: 'authority',
      at: folder,
      ok: false,
      text: `certificates cannot be kept here: ${there} may not be written`,
    };
  }
}
