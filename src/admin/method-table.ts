// Which methods a path takes, for whoever sent another one (RFC 9110 section 15.5.6); Fastify itself would say that there is no such path.

export class MethodTable {
  /** Methods by the path as it was registered, where a piece that begins with a colon stands for any. */
  readonly #paths = new Map<string, Set<string>>();

  add(path: string, method: string | readonly string[]): void {
    let methods = this.#paths.get(path);
    if (methods === undefined) {
      methods = new Set();
      this.#paths.set(path, methods);
    }
    for (const name of [method].flat()) methods.add(name);
  }

  /** In the order in which they were added; empty: there is no such path. `url` may have a query. */
  of(url: string): string[] {
    const pieces = url.split('?', 1)[0]!.split('/');
    const found: string[] = [];
    for (const [path, methods] of this.#paths) if (isOf(path.split('/'), pieces)) found.push(...methods);
    return [...new Set(found)];
  }
}

function isOf(pattern: readonly string[], pieces: readonly string[]): boolean {
  if (pattern.length !== pieces.length) return false;
  return pattern.every((piece, i) => (piece.startsWith(':') ? pieces[i] !== '' : piece === pieces[i]));
}
