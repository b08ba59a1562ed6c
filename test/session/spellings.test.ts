// Whatever spelling of a session still passes is the same session to a revocation: nobody goes on with another one of his own making.
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { SeededRandom } from '../../src/base/random.ts';
import type { CredentialSource, Pending } from '../../src/session/format.ts';
import { type Case, formatOf, judgeCase, type OwnFile } from '../vectors/own-form.ts';

const folder = new URL('../vectors/frameworks/', import.meta.url);
const random = new SeededRandom(20_261_122);
/** Spellings at random of each genuine session; `LIMPET_FUZZ=1000` tries more. */
const ROUNDS = Number(process.env.LIMPET_FUZZ ?? 25);

/** What one may write otherwise that some decoder takes for the same. */
const OTHERWISE: readonly ((text: string) => string)[] = [
  (text) => encodeURIComponent(text),
  (text) => decodeURIComponent(text),
  (text) =>
    text.replaceAll('%3A', '%3a').replaceAll('%2B', '%2b').replaceAll('%3D', '%3d').replaceAll('%2F', '%2f'),
  (text) => text.replace(/[A-Za-z0-9]/, (c) => `%${c.charCodeAt(0).toString(16)}`),
  (text) => text.replace(/[A-Za-z0-9](?=[^A-Za-z0-9]*$)/, (c) => `%${c.charCodeAt(0).toString(16)}`),
  (text) => `"${text}"`,
  (text) => `${text}=`,
  (text) => `${text}==`,
  (text) => text.replace(/=+$/, ''),
  (text) => text.replace(/(%3D)+$/i, ''),
  (text) => text.replaceAll('-', '+').replaceAll('_', '/'),
  (text) => text.replaceAll('+', '-').replaceAll('/', '_'),
  (text) => text.replaceAll('%2B', '+').replaceAll('%2F', '/'),
  (text) => text.toUpperCase(),
  (text) => text.toLowerCase(),
  (text) => ` ${text}`,
  (text) => `${text} `,
  (text) => `${text}%20`,
  (text) => `${text}%00`,
  (text) => `${text}%0A`,
  (text) => `${text}.`,
  (text) => `${text},`,
  (text) => text.replace(/[A-Za-z0-9_+/-](?=[^A-Za-z0-9]*$)/, nextLetter),
  (text) => text.replace(/[A-Za-z0-9_+/-](?=\.[^.]*$)/, nextLetter),
];

/** The letter of base64 whose lowest bits alone are others: in the last place of a text nobody reads them. */
function nextLetter(letter: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/';
  return letters[letters.indexOf(letter) ^ 1] ?? letter;
}

/** One change at random of a character, as spoiling does it, but that most of it stays. */
function changed(text: string): string {
  const at = random.below(Math.max(1, text.length));
  const letter = String.fromCharCode(0x21 + random.below(0x5e));
  const kinds = [
    letter + text.slice(at + 1),
    letter + text.slice(at),
    text.slice(at + 1),
    text.slice(at) + text.slice(at),
  ];
  return text.slice(0, at) + kinds[random.below(kinds.length)]!;
}

/** The same request with the value of one cookie, or the token, written in another way. */
function* spellings(request: CredentialSource): Iterable<CredentialSource> {
  const { cookies, authorization } = request;
  const pairs = cookies === '' ? [] : cookies.split('; ');
  const ways = [...OTHERWISE, ...new Array<typeof changed>(ROUNDS).fill(changed)];
  for (const way of ways) {
    if (authorization !== null) yield { ...request, authorization: attempt(way, authorization) };
    for (const [i, pair] of pairs.entries()) {
      const equals = pair.indexOf('=');
      const value = attempt(way, pair.slice(equals + 1));
      const written = pairs.with(i, `${pair.slice(0, equals + 1)}${value}`);
      yield { ...request, cookies: written.join('; ') };
    }
  }
}

function attempt(way: (text: string) => string, text: string): string {
  try {
    return way(text);
  } catch {
    return text;
  }
}

/** Everything that a revocation of this very session could name it by. */
function namesOf(pending: Pending): readonly (string | undefined)[] {
  return [pending.identity, pending.alias, pending.session];
}

for (const name of readdirSync(folder).sort()) {
  const file = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as OwnFile;
  const genuine: readonly Case[] = file.cases.filter(({ verdict }) => verdict === 'valid').slice(0, 2);

  t.test(name, async (t) => {
    let passed = 0;
    for (const one of genuine) {
      const format = await formatOf(one);
      const own = format.read(one.request, one.atS);
      if (!('check' in own)) continue;
      for (const request of spellings(one.request)) {
        const other = format.read(request, one.atS);
        if (!('check' in other)) continue;
        const finding = await judgeCase(one, request);
        if (finding.verdict !== 'valid') continue;
        passed++;
        const same = namesOf(own).some((each) => each !== undefined && namesOf(other).includes(each));
        if (!same)
          t.fail(
            `another session: ${JSON.stringify(request.cookies || request.authorization).slice(0, 300)}`,
          );
      }
    }
    t.comment(`${passed} spellings passed`);
    t.ok(passed > 0);
  });
}
