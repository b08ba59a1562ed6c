// Ruby's Marshal 4.8 read as data: no class is looked up, no object is made, and what has code of its own stays inert.
import { Buffer, isUtf8 } from 'node:buffer';
import type { Data } from '../data.ts';
import { STORED_BYTES_MAX } from '../store.ts';
import { DecodeError } from './decode-error.ts';
import { MarshalReader } from './marshal-reader.ts';

const DEPTH_MAX = 64;
const VALUES_MAX = 100_000;

/** A word of the format is one byte; here by what it stands for (doc/marshal.rdoc of Ruby 3.3). */
const TYPE = {
  nil: 0x30,
  true: 0x54,
  false: 0x46,
  fixnum: 0x69,
  bignum: 0x6c,
  float: 0x66,
  string: 0x22,
  symbol: 0x3a,
  symbolLink: 0x3b,
  withIvars: 0x49,
  array: 0x5b,
  hash: 0x7b,
  hashWithDefault: 0x7d,
  link: 0x40,
  object: 0x6f,
  struct: 0x53,
  userDefined: 0x75,
  userMarshal: 0x55,
  userClass: 0x43,
  extended: 0x65,
  data: 0x64,
  regexp: 0x2f,
  class: 0x63,
  module: 0x6d,
  classOrModule: 0x4d,
} as const;

/**
 * An object of a class: its fields by name without the `@`, as data. One that writes and reads itself (`_dump`) has no fields;
 * one with `marshal_dump` has what that gave under `dump`.
 */
export class RubyObject extends Map<Data, Data> {
  readonly className: string;

  constructor(className: string) {
    super();
    this.className = className;
  }
}

/**
 * The one value that `bytes` hold; bytes after it are ignored, as Ruby does. Texts in UTF-8, and texts of no stated encoding that
 * are UTF-8, are strings; other texts are bytes. Symbols are strings; where a hash has both `"a"` and `:a`, the text's value wins.
 * An object within itself is null there. Throws DecodeError and nothing else: not Marshal 4.8, cut off, longer than
 * STORED_BYTES_MAX, deeper than 64, more than 100,000 values. Source: marshal.c of Ruby 3.3 (`r_object_for`).
 */
export function decodeMarshal(bytes: Uint8Array): Data {
  if (bytes.length > STORED_BYTES_MAX) throw new DecodeError('Marshal data over the bound');
  if (bytes[0] !== 4 || bytes[1] !== 8) throw new DecodeError('not Marshal 4.8');
  return new Decoder(new MarshalReader(bytes, 2)).value();
}

class Decoder {
  readonly #in: MarshalReader;
  readonly #symbols: string[] = [];
  /** What links point to, by the order in which Ruby numbers objects; undefined: not finished yet, so a link to it is a circle. */
  readonly #objects: (Data | undefined)[] = [];
  #depth = 0;
  #values = 0;

  constructor(reader: MarshalReader) {
    this.#in = reader;
  }

  value(): Data {
    if (++this.#values > VALUES_MAX) throw new DecodeError('Marshal data of too many values');
    if (++this.#depth > DEPTH_MAX) throw new DecodeError('Marshal data that is nested too deep');
    const value = this.#typed(this.#in.byte());
    this.#depth--;
    return value;
  }

  #typed(type: number): Data {
    switch (type) {
      case TYPE.nil:
        return null;
      case TYPE.true:
        return true;
      case TYPE.false:
        return false;
      case TYPE.fixnum:
        return this.#in.long();
      case TYPE.symbol:
      case TYPE.symbolLink:
        return this.#symbolOf(type);
      case TYPE.link:
        return this.#link();
      case TYPE.withIvars:
        return this.#withIvars();
      default:
        return this.#entered(type);
    }
  }

  /** The types that Ruby numbers, so that links can point to them. */
  #entered(type: number): Data {
    switch (type) {
      case TYPE.bignum:
        return this.#keep(this.#in.bignum());
      case TYPE.float:
        return this.#keep(this.#in.float());
      case TYPE.string:
        return this.#keep(textOrBytes(this.#in.text()));
      case TYPE.array:
        return this.#array();
      case TYPE.hash:
      case TYPE.hashWithDefault:
        return this.#hash(type === TYPE.hashWithDefault);
      case TYPE.object:
      case TYPE.struct:
        return this.#object();
      default:
        return this.#foreign(type);
    }
  }

  /** What belongs to Ruby code: kept by the name of its class, never run. */
  #foreign(type: number): Data {
    switch (type) {
      case TYPE.userDefined:
        return this.#userDefined(false);
      case TYPE.userMarshal:
      case TYPE.data: {
        const slot = this.#reserve();
        const object = new RubyObject(this.#symbol());
        object.set('dump', this.value());
        return this.#fill(slot, object);
      }
      case TYPE.userClass:
      case TYPE.extended:
        // A subclass of a text, list or hash, or an object with a module mixed in: as data it is what it is built on.
        this.#symbol();
        return this.value();
      case TYPE.regexp:
        return this.#regexp(false);
      case TYPE.class:
      case TYPE.module:
      case TYPE.classOrModule:
        this.#in.text();
        return this.#keep(new RubyObject('Class'));
      default:
        throw new DecodeError('a type that Marshal 4.8 does not have');
    }
  }

  #withIvars(): Data {
    const type = this.#in.byte();
    if (type === TYPE.string) {
      const slot = this.#reserve();
      return this.#fill(slot, inEncoding(this.#in.text(), this.#ivars()));
    }
    if (type === TYPE.symbol) return this.#newSymbol(true);
    if (type === TYPE.userDefined) return this.#userDefined(true);
    if (type === TYPE.regexp) return this.#regexp(true);
    if (type === TYPE.withIvars) throw new DecodeError('instance variables of instance variables');
    // A subclass of a text comes here: its encoding follows the text, which was read as of no stated encoding.
    const value = this.#typed(type);
    this.#ivars();
    return value;
  }

  /** Reads instance variables; only a text's encoding is of use. */
  #ivars(): string | null {
    let encoding: string | null = null;
    for (let left = this.#in.count(2); left > 0; left--) {
      const name = this.#symbol();
      const value = this.value();
      if (name === 'E') encoding = value === true ? 'UTF-8' : 'US-ASCII';
      else if (name === 'encoding' && typeof value === 'string') encoding = value;
    }
    return encoding;
  }

  #array(): Data {
    const slot = this.#reserve();
    const list: Data[] = [];
    for (let left = this.#in.count(1); left > 0; left--) list.push(this.value());
    return this.#fill(slot, list);
  }

  #hash(withDefault: boolean): Data {
    const slot = this.#reserve();
    const map = new Map<Data, Data>();
    const ofSymbols = new Set<Data>();
    for (let left = this.#in.count(2); left > 0; left--) {
      const bySymbol = this.#symbolIsNext();
      const key = this.value();
      const value = this.value();
      if (bySymbol && map.has(key) && !ofSymbols.has(key)) continue;
      if (bySymbol) ofSymbols.add(key);
      else ofSymbols.delete(key);
      map.set(key, value);
    }
    if (withDefault) this.value();
    return this.#fill(slot, map);
  }

  #symbolIsNext(): boolean {
    const type = this.#in.peek(0) === TYPE.withIvars ? this.#in.peek(1) : this.#in.peek(0);
    return type === TYPE.symbol || type === TYPE.symbolLink;
  }

  #object(): Data {
    const slot = this.#reserve();
    const object = new RubyObject(this.#symbol());
    for (let left = this.#in.count(2); left > 0; left--) {
      const name = this.#symbol();
      object.set(name.startsWith('@') ? name.slice(1) : name, this.value());
    }
    return this.#fill(slot, object);
  }

  /** Numbered after its instance variables, unlike everything else (`r_object_for`, TYPE_USERDEF). */
  #userDefined(hasIvars: boolean): Data {
    const object = new RubyObject(this.#symbol());
    this.#in.text();
    if (hasIvars) this.#ivars();
    return this.#keep(object);
  }

  #regexp(hasIvars: boolean): Data {
    const slot = this.#reserve();
    this.#in.text();
    this.#in.byte();
    if (hasIvars) this.#ivars();
    return this.#fill(slot, new RubyObject('Regexp'));
  }

  #link(): Data {
    const index = this.#in.long();
    if (index < 0 || index >= this.#objects.length)
      throw new DecodeError('a Marshal link to an object that is not there');
    return this.#objects[index] ?? null;
  }

  #symbol(): string {
    const type = this.#in.byte();
    if (type !== TYPE.withIvars) return this.#symbolOf(type);
    if (this.#in.byte() !== TYPE.symbol) throw new DecodeError('no symbol where Marshal needs one');
    return this.#newSymbol(true);
  }

  #symbolOf(type: number): string {
    if (type === TYPE.symbol) return this.#newSymbol(false);
    if (type !== TYPE.symbolLink) throw new DecodeError('no symbol where Marshal needs one');
    const symbol = this.#symbols[this.#in.long()];
    if (symbol === undefined) throw new DecodeError('a Marshal link to a symbol that is not there');
    return symbol;
  }

  #newSymbol(hasIvars: boolean): string {
    const symbol = Buffer.from(this.#in.text()).toString('utf8');
    this.#symbols.push(symbol);
    if (!hasIvars) return symbol;
    // Because: the encoding's own symbol may hold ivars again, so this nests as values do and is bounded as they are.
    if (++this.#depth > DEPTH_MAX) throw new DecodeError('Marshal data that is nested too deep');
    this.#ivars();
    this.#depth--;
    return symbol;
  }

  #reserve(): number {
    return this.#objects.push(undefined) - 1;
  }

  #fill(slot: number, value: Data): Data {
    this.#objects[slot] = value;
    return value;
  }

  #keep(value: Data): Data {
    this.#objects.push(value);
    return value;
  }
}

/** Exactly reversible: a string of it, as UTF-8, is the same bytes again. */
function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : bytes;
}

function inEncoding(bytes: Uint8Array, encoding: string | null): string | Uint8Array {
  if (encoding === null || encoding === 'UTF-8' || encoding === 'US-ASCII' || encoding === 'ASCII-8BIT')
    return textOrBytes(bytes);
  return encoding === 'ISO-8859-1' ? Buffer.from(bytes).toString('latin1') : bytes;
}
