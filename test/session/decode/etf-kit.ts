// Terms as Erlang writes them, written again here without the code under test.

export type Term =
  | null
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | readonly Term[]
  | ReadonlyMap<Term, Term>
  | { readonly raw: Buffer };

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export const atom = (name: string): { readonly raw: Buffer } => ({
  raw: Buffer.concat([Buffer.from([119, Buffer.byteLength(name)]), Buffer.from(name)]),
});

/** `binary` of `value` without the version's byte. */
export function term(value: Term): Buffer {
  if (value === null) return atom('nil').raw;
  if (typeof value === 'boolean') return atom(String(value)).raw;
  if (typeof value === 'bigint') return big(value);
  if (typeof value === 'number') return number(value);
  if (typeof value === 'string') return term(Buffer.from(value));
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from([109]), u32(value.length), value]);
  if (value instanceof Map) {
    const pairs = [...(value as ReadonlyMap<Term, Term>)].flat().map(term);
    return Buffer.concat([Buffer.from([116]), u32(value.size), ...pairs]);
  }
  if (Array.isArray(value))
    return value.length === 0
      ? Buffer.from([106])
      : Buffer.concat([Buffer.from([108]), u32(value.length), ...value.map(term), Buffer.from([106])]);
  return (value as { readonly raw: Buffer }).raw;
}

function number(value: number): Buffer {
  if (!Number.isInteger(value)) {
    const bytes = Buffer.alloc(9, 70);
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (value >= 0 && value < 256) return Buffer.from([97, value]);
  const bytes = Buffer.alloc(5, 98);
  bytes.writeInt32BE(value, 1);
  return bytes;
}

function big(value: bigint): Buffer {
  const digits: number[] = [];
  for (let left = value < 0n ? -value : value; left > 0n; left >>= 8n) digits.push(Number(left & 0xffn));
  return Buffer.from([110, digits.length, value < 0n ? 1 : 0, ...digits]);
}

/** `:erlang.term_to_binary(value)`. */
export function toBinary(value: Term): Buffer {
  return Buffer.concat([Buffer.from([131]), term(value)]);
}
