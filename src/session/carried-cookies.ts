// Which cookies of a request carry a session, in any spelling that a parser might take for one, and a `Cookie` field without them.

/** The cookies of one session block, or of several. Built once; used where a session was revoked, so not hot. */
export class CarriedCookies {
  readonly #names: ReadonlySet<string>;
  readonly #beginnings: readonly string[];

  /** `names`: of session cookies, and as in `SessionFormat.alsoReads`. */
  constructor(names: readonly string[]) {
    const plain = names.filter((name) => !name.endsWith('*'));
    this.#names = new Set(plain.map(plainName));
    this.#beginnings = names.filter((name) => name.endsWith('*')).map((name) => plainName(name.slice(0, -1)));
  }

  /** Whether a cookie written under this name is one of them, to any parser. */
  has(name: string): boolean {
    const found = plainName(name);
    if (found === '') return false;
    return this.#names.has(found) || this.#beginnings.some((beginning) => found.startsWith(beginning));
  }

  /**
   * The value of a `Cookie` field without these; empty: nothing is left. Some parsers end a cookie at a comma too, and some take a `;` inside
   * of quotes for a part of the value: what might be one of these by either goes, and with it all up to the next `;`. Linear.
   */
  without(header: string): string {
    const kept: string[] = [];
    for (const part of header.split(';')) {
      if (part.trim() === '' || part.split(',').some((piece) => this.has(nameOf(piece)))) continue;
      kept.push(part.trim());
    }
    return kept.join('; ');
  }
}

function nameOf(piece: string): string {
  const equals = piece.indexOf('=');
  return equals < 0 ? piece : piece.slice(0, equals);
}

/**
 * One spelling for all that a parser may read as one name: percent-decoded as PHP did before 7.4.11, without blanks and quotes around, `.`, `[`
 * and blanks as `_` as PHP has them, and in lower case as ASP.NET Core compares.
 */
function plainName(written: string): string {
  const decoded = written.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return decoded
    .replace(/^[\s"\0]+|[\s"\0]+$/g, '')
    .replace(/[. [\]]/g, '_')
    .toLowerCase();
}
