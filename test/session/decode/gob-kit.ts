// Gobs as Go writes them, written again here without the code under test; and one that Go wrote.

/** scs 2.8 with Go 1.19: `Deadline`, and `Values` with userID 1, a time.Time and bytes. */
export const GO_SESSION = Buffer.from(
  '26ff81030102ff820001020108446561646c696e6501ff8400010656616c75657301ff8600000010ff830501010454696d6501ff8400000027ff8504010117' +
    '6d61705b737472696e675d696e74657266616365207b7d01ff8600010c011000005cff82010f010000000ee29432560a22cbadffff010306757365724944' +
    '03696e7404020002047365656e0974696d652e54696d65ff8411000f010000000edce5e80000000000ffff05666c617368075b5d75696e74380a040002686900',
  'hex',
);

export function uint(value: number | bigint): Buffer {
  if (value < 128) return Buffer.from([Number(value)]);
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.from([256 - bytes.length]), bytes]);
}

export function int(value: number | bigint): Buffer {
  const big = BigInt(value);
  return uint(big < 0n ? (~big << 1n) | 1n : big << 1n);
}

export const counted = (bytes: Buffer | string): Buffer => {
  const content = Buffer.from(bytes as string);
  return Buffer.concat([uint(content.length), content]);
};

/** A value inside an interface: the name of its type, the type's number and the value. */
export function boxed(name: string, type: number, value: Buffer, isStruct = false): Buffer {
  const body = isStruct ? value : Buffer.concat([Buffer.from([0]), value]);
  return Buffer.concat([counted(name), int(type), counted(body)]);
}

export function box(value: number | bigint | string | boolean | Buffer): Buffer {
  if (typeof value === 'string') return boxed('string', 6, counted(value));
  if (typeof value === 'boolean') return boxed('bool', 1, uint(value ? 1 : 0));
  if (Buffer.isBuffer(value)) return boxed('[]uint8', 5, counted(value));
  return boxed('int64', 2, int(value));
}

const message = (...parts: Buffer[]): Buffer => counted(Buffer.concat(parts));

/** What a wireType says of type `id`: which of its fields is set, and that field's content behind the common part. */
export function described(id: number, field: number, content: Buffer): Buffer {
  const common = Buffer.concat([Buffer.from([1, 2]), int(id), Buffer.from([0])]);
  return message(int(-id), Buffer.from([field + 1]), common, content, Buffer.from([0, 0]));
}

/** A struct by the names and types of its fields. */
export function describedStruct(id: number, fields: readonly (readonly [string, number])[]): Buffer {
  const list = fields.map(([name, type]) =>
    Buffer.concat([Buffer.from([1]), counted(name), Buffer.from([1]), int(type), Buffer.from([0])]),
  );
  return described(id, 2, Buffer.concat([Buffer.from([1]), uint(fields.length), ...list]));
}

const ANY = 8;

/** `map[interface{}]interface{}` of gorilla/sessions; entries are boxed, `types` are descriptions before it. */
export function sessionGob(
  entries: readonly (readonly [Buffer, Buffer])[],
  types: readonly Buffer[] = [],
): Buffer {
  const map = described(65, 3, Buffer.concat([Buffer.from([1]), int(ANY), Buffer.from([1]), int(ANY)]));
  const body = [int(65), Buffer.from([0]), uint(entries.length), ...entries.flat()];
  return Buffer.concat([map, ...types, message(...body)]);
}

/** A value alone behind descriptions. */
export function aloneGob(type: number, value: Buffer, types: readonly Buffer[] = []): Buffer {
  return Buffer.concat([...types, message(int(type), value)]);
}
