// Java's object serialization as data: objects are maps of their fields, no class is known and nothing is instantiated.
import type { Data } from '../data.ts';
import { STORED_BYTES_MAX } from '../store.ts';
import { DecodeError } from './decode-error.ts';

const DEPTH_MAX = 64;
const VALUES_MAX = 100_000;
/** Under this key an object's map has the name of its class. */
export const JAVA_CLASS = '@class';

/** Object Serialization Stream Protocol, section 6.4.2. */
const TC = {
  null: 0x70,
  reference: 0x71,
  classDesc: 0x72,
  object: 0x73,
  string: 0x74,
  array: 0x75,
  class: 0x76,
  blockData: 0x77,
  end: 0x78,
  blockDataLong: 0x7a,
  longString: 0x7c,
  proxyClassDesc: 0x7d,
  enum: 0x7e,
} as const;
const SC = { writeMethod: 0x01, serializable: 0x02, externalizable: 0x04, blockData: 0x08 } as const;
const FIRST_HANDLE = 0x7e0000;

interface ClassDesc {
  readonly name: string;
  flags: number;
  fields: { readonly type: string; readonly name: string }[];
  parent: ClassDesc | null;
}

/** Classes whose objects are but their field `value`. */
const BOXES = new Set(
  ['Long', 'Integer', 'Short', 'Byte', 'Boolean', 'Double', 'Float', 'Character'].map(
    (name) => `java.lang.${name}`,
  ),
);
/** Collections whose `writeObject` writes their items and nothing else but numbers. */
const LISTS =
  /^java\.util\.(ArrayList|LinkedList|HashSet|LinkedHashSet|ArrayDeque|concurrent\.CopyOnWriteArrayList)$/;
/** Maps that write keys and values in turn. */
const MAPS = /^java\.util\.(HashMap|LinkedHashMap|TreeMap|Hashtable|concurrent\.ConcurrentHashMap)$/;

/**
 * The first object in `bytes` (stream version 5). Boxed numbers are numbers, lists and sets are lists, maps are maps, a UUID is its text;
 * what a class writes in its own way beside its fields is passed over. What refers to an object that it is itself a part of is null, so
 * that the data has no cycles. Bounds: 1 MiB, depth 64, 100,000 values. Throws DecodeError and nothing else.
 */
export function decodeJava(bytes: Uint8Array): Data {
  if (bytes.length > STORED_BYTES_MAX) throw new DecodeError('a Java stream longer than the bound');
  try {
    return new JavaReader(bytes).stream();
  } catch (error) {
    // Reading beyond the end of a buffer.
    if (error instanceof RangeError) throw new DecodeError('a Java stream that ends too early');
    throw error;
  }
}

class JavaReader {
  readonly #bytes: Buffer;
  #at = 0;
  #depth = 0;
  #values = 0;
  /** What later parts of the stream refer to by number: data, or descriptions of classes. */
  readonly #handles: (Data | ClassDesc)[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  stream(): Data {
    if (this.#number(4) !== 0xaced0005) throw new DecodeError('no Java stream of version 5');
    return this.#content();
  }

  #number(size: number): number {
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new DecodeError('a Java stream that ends too early');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  #text(lengthSize = 2): string {
    return modifiedUtf8(this.#take(this.#number(lengthSize)));
  }

  #keep(value: Data | ClassDesc): number {
    return this.#handles.push(value) - 1;
  }

  #content(): Data {
    if (++this.#values > VALUES_MAX) throw new DecodeError('more Java values than the bound');
    if (++this.#depth > DEPTH_MAX) throw new DecodeError('Java values deeper than the bound');
    const value = this.#of(this.#number(1));
    this.#depth--;
    return value;
  }

  #of(tag: number): Data {
    switch (tag) {
      case TC.null:
        return null;
      case TC.reference:
        return this.#referred();
      case TC.string:
      case TC.longString: {
        // The upper half of a long length is beyond every bound.
        if (tag === TC.longString && this.#number(4) !== 0)
          throw new DecodeError('a Java text beyond the bound');
        const text = this.#text(tag === TC.string ? 2 : 4);
        this.#keep(text);
        return text;
      }
      case TC.object:
        return this.#object();
      case TC.array:
        return this.#array();
      case TC.enum: {
        this.#classDesc();
        const slot = this.#keep(null);
        const name = this.#content();
        this.#handles[slot] = name;
        return name;
      }
      case TC.class: {
        const name = this.#classDesc()?.name ?? null;
        this.#keep(name);
        return name;
      }
      default:
        throw new DecodeError('a Java value of no known kind');
    }
  }

  #referred(): Data {
    const value = this.#handles[this.#number(4) - FIRST_HANDLE];
    if (value === undefined || isClassDesc(value)) throw new DecodeError('a Java reference to nothing');
    return value;
  }

  #classDesc(): ClassDesc | null {
    const tag = this.#number(1);
    if (tag === TC.null) return null;
    if (tag === TC.reference) {
      const known = this.#handles[this.#number(4) - FIRST_HANDLE];
      if (known === undefined || !isClassDesc(known)) throw new DecodeError('a Java reference to no class');
      return known;
    }
    if (tag === TC.proxyClassDesc) return this.#proxy();
    if (tag !== TC.classDesc) throw new DecodeError('a Java class that cannot be read');
    const desc: ClassDesc = { name: this.#text(), flags: 0, fields: [], parent: null };
    this.#take(8);
    this.#keep(desc);
    desc.flags = this.#number(1);
    for (let left = this.#number(2); left > 0; left--) {
      const type = String.fromCharCode(this.#number(1));
      desc.fields.push({ type, name: this.#text() });
      // The class of a reference is written as a text.
      if (type === '[' || type === 'L') this.#content();
    }
    this.#annotations();
    desc.parent = this.#parent();
    return desc;
  }

  #parent(): ClassDesc | null {
    if (++this.#depth > DEPTH_MAX) throw new DecodeError('Java classes deeper than the bound');
    const parent = this.#classDesc();
    this.#depth--;
    return parent;
  }

  #proxy(): ClassDesc {
    const desc: ClassDesc = { name: 'proxy', flags: SC.serializable, fields: [], parent: null };
    this.#keep(desc);
    for (let left = this.#number(4); left > 0; left--) this.#text();
    this.#annotations();
    desc.parent = this.#parent();
    return desc;
  }

  /** What a class wrote in its own way, up to its end: objects; plain bytes are passed over. */
  #annotations(): Data[] {
    const objects: Data[] = [];
    for (;;) {
      const tag = this.#bytes[this.#at];
      if (tag === TC.end) {
        this.#at++;
        return objects;
      }
      if (tag === TC.blockData || tag === TC.blockDataLong) {
        this.#at++;
        this.#take(this.#number(tag === TC.blockData ? 1 : 4));
      } else objects.push(this.#content());
    }
  }

  #object(): Data {
    const desc = this.#classDesc();
    if (desc === null) throw new DecodeError('a Java object without a class');
    const map = new Map<Data, Data>([[JAVA_CLASS, desc.name]]);
    const slot = this.#keep(null);
    const lineage: ClassDesc[] = [];
    for (let at: ClassDesc | null = desc; at !== null; at = at.parent) {
      // References may chain classes without end, or in a ring.
      if (lineage.length >= DEPTH_MAX) throw new DecodeError('Java classes deeper than the bound');
      lineage.push(at);
    }
    const written = lineage.reverse().flatMap((each) => this.#part(each, map));
    const value = simplified(desc.name, map, written);
    this.#handles[slot] = value;
    return value;
  }

  /** The fields of one class of an object, and what that class wrote beside them. */
  #part({ flags, fields }: ClassDesc, map: Map<Data, Data>): Data[] {
    if (flags & SC.externalizable) {
      if (!(flags & SC.blockData)) throw new DecodeError('a Java object that only its class can read');
      return this.#annotations();
    }
    if (!(flags & SC.serializable)) return [];
    for (const { type, name } of fields) {
      if (++this.#values > VALUES_MAX) throw new DecodeError('more Java values than the bound');
      map.set(name, this.#field(type));
    }
    return flags & SC.writeMethod ? this.#annotations() : [];
  }

  #field(type: string): Data {
    switch (type) {
      case 'B':
        return this.#take(1).readInt8(0);
      case 'C':
        return String.fromCharCode(this.#number(2));
      case 'D':
        return this.#take(8).readDoubleBE(0);
      case 'F':
        return this.#take(4).readFloatBE(0);
      case 'I':
        return this.#take(4).readInt32BE(0);
      case 'J': {
        const value = this.#take(8).readBigInt64BE(0);
        return Number.isSafeInteger(Number(value)) ? Number(value) : value;
      }
      case 'S':
        return this.#take(2).readInt16BE(0);
      case 'Z':
        return this.#number(1) !== 0;
      case '[':
      case 'L':
        return this.#content();
      default:
        throw new DecodeError('a Java field of no known type');
    }
  }

  #array(): Data {
    const desc = this.#classDesc();
    const type = desc?.name[1] ?? '';
    const items: Data[] = [];
    const slot = this.#keep(null);
    const count = this.#number(4);
    if (count > this.#bytes.length - this.#at) throw new DecodeError('a Java array beyond the end');
    if (type === 'B') {
      const bytes = this.#take(count);
      this.#handles[slot] = bytes;
      return bytes;
    }
    for (let i = 0; i < count; i++) {
      if (++this.#values > VALUES_MAX) throw new DecodeError('more Java values than the bound');
      items.push(this.#field(type));
    }
    this.#handles[slot] = items;
    return items;
  }
}

function isClassDesc(value: Data | ClassDesc): value is ClassDesc {
  return typeof value === 'object' && value !== null && 'fields' in value && !(value instanceof Map);
}

/** Java's own boxes, lists and maps as what they mean; every other object as its fields. */
function simplified(name: string, map: Map<Data, Data>, written: readonly Data[]): Data {
  if (BOXES.has(name)) return map.get('value') ?? null;
  if (LISTS.test(name)) return written;
  // Its comparator comes first.
  if (name === 'java.util.TreeSet') return written.slice(1);
  if (name === 'java.util.UUID') return uuidText(map);
  // `List.of`, `Set.of` and `Map.of` (ImmutableCollections.java): the tag's lowest byte tells which.
  const ofMap = name === 'java.util.CollSer' && Number(map.get('tag')) % 256 === 3;
  if (name === 'java.util.CollSer' && !ofMap) return written;
  if (!ofMap && !MAPS.test(name)) return map;
  const entries = new Map<Data, Data>();
  for (let i = 0; i + 1 < written.length; i += 2) entries.set(written[i]!, written[i + 1]!);
  // Its end is a key that is null, which it cannot hold itself.
  if (name === 'java.util.concurrent.ConcurrentHashMap') entries.delete(null);
  return entries;
}

function uuidText(map: ReadonlyMap<Data, Data>): Data {
  const halves = [map.get('mostSigBits'), map.get('leastSigBits')].map((half) =>
    typeof half === 'number' || typeof half === 'bigint'
      ? BigInt.asUintN(64, BigInt(half)).toString(16).padStart(16, '0')
      : '',
  );
  return halves.join('').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** UTF-8 with surrogates written apart and NUL in two bytes (java.io.DataInput). */
function modifiedUtf8(bytes: Buffer): string {
  if (bytes.every((byte) => byte < 0x80)) return bytes.toString('latin1');
  let text = '';
  for (let i = 0; i < bytes.length; ) {
    const byte = bytes[i]!;
    const more = byte < 0x80 ? 0 : byte >= 0xe0 ? 2 : 1;
    let code = more === 0 ? byte : more === 1 ? byte & 0x1f : byte & 0x0f;
    for (let k = 1; k <= more; k++) code = (code << 6) | ((bytes[i + k] ?? 0) & 0x3f);
    text += String.fromCharCode(code);
    i += more + 1;
  }
  return text;
}
