// Configs as pages show them: often a part only, with secrets from an environment that is not there.
import { generateKeyPairSync } from 'node:crypto';
import { parse, stringify } from 'yaml';
import type { FileReader } from '../../src/config/special.ts';
import { makePair, type Pair } from './certificates.ts';

/** Keys of a form that formats insist on; all others are texts that are long enough for each of them. */
const SHAPED: Readonly<Record<string, string>> = {
  APP_KEY: `base64:${Buffer.alloc(32, 7).toString('base64')}`,
  APP_PREVIOUS_KEY: `base64:${Buffer.alloc(32, 8).toString('base64')}`,
  BLOCK_KEY: `base64:${Buffer.alloc(32, 9).toString('base64')}`,
  SESSION_KEY_BASE64: Buffer.alloc(32, 10).toString('base64'),
  SESSION_SALT: 'sixteen-letters-',
};

/** The environment that a text asks for, made up. */
export function environmentFor(text: string): Record<string, string> {
  const names = Array.from(text.matchAll(/\$\{([A-Z0-9_]+)\}/g), (match) => match[1]!);
  return Object.fromEntries(names.map((name) => [name, SHAPED[name] ?? `made-up-${name}-`.padEnd(64, 'x')]));
}

/** What stands in a file that a config names: a certificate or a key where that is what it is for. */
export const fileFor: FileReader = Object.assign(readShown, { list: () => ['site.pem', 'site.key'] });

function readShown(path: string): string {
  if (path.endsWith('.key')) return shownPair().key;
  if (path.endsWith('passphrase')) return 'made up';
  if (/\.(?:secret|token)$/.test(path)) return 'made-up-and-long-enough-for-any-use';
  if (!path.endsWith('.pem')) return '';
  if (!path.endsWith('signing.pem')) return shownPair().cert;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

let pair: Pair | null = null;
function shownPair(): Pair {
  pair ??= makePair({ names: ['shop.example.com'] });
  return pair;
}

type Block = Readonly<Record<string, unknown>>;
const SESSION = { verify: 'cookie-session', secrets: 'a-secret-of-some-length', user: 'id' };

/** A fence that shows a part only, with as little around it as makes a config of it. */
export function wholeConfig(text: string): string {
  const shown = parse(text) as Block;
  if ('listen' in shown || 'listeners' in shown) return text;
  if ('pass' in shown)
    return stringify({ listen: 1, upstreams: ['http://a:1'], session: { ...SESSION, ...shown } });
  const head =
    'routes' in shown ? 'pools: { web: { upstreams: ["http://a:1"] } }' : 'upstreams: ["http://a:1"]';
  return `listen: 1\n${head}\n${text}`;
}
