// Python's pickles read as data: objects become maps of their fields, and nothing that a pickle names is ever looked up or called.
import { Buffer } from 'node:buffer';
import type { Data } from '../data.ts';
import { DecodeError, UnreadError } from './decode-error.ts';
import { PickleReader } from './pickle-reader.ts';
import { checkShape } from './pickle-shape.ts';

/** Most values that one pickle may put on its stack, all in all. */
const VALUES_MAX = 100_000;

/** Key under which an inert object tells the class or function that Python would have called. */
export const PYTHON_CLASS = '__class__';
/** Key under which it tells the arguments of that call. */
export const PYTHON_ARGS = '__args__';

/** A container while it is being filled; inert objects are maps too. */
type Open = Data[] | Map<Data, Data>;

/**
 * The value of a pickle of protocol 0 to 5 (Lib/pickle.py and Lib/pickletools.py of Python 3.11). Dicts and objects are Maps, lists,
 * tuples and sets are lists, integers beyond 2^53 are bigints. Bounds: STORED_BYTES_MAX bytes, 100,000 values, depth 64; a structure
 * that contains itself is refused. Throws DecodeError and nothing else; bytes behind the end are not looked at, as in Python.
 */
export function decodePickle(bytes: Uint8Array): Data {
  const machine = new PickleMachine(bytes);
  const value = machine.run();
  checkShape(value);
  return value;
}

class PickleMachine {
  readonly #in: PickleReader;
  readonly #memo = new Map<number, Data>();
  /** Lists below each mark; the last is the one that is worked on. */
  readonly #outer: Data[][] = [];
  #stack: Data[] = [];
  #values = 0;

  constructor(bytes: Uint8Array) {
    this.#in = new PickleReader(bytes);
  }

  run(): Data {
    for (;;) {
      const op = this.#in.byte();
      if (op === 0x2e) return this.#pop(); // STOP
      if (!this.#constant(op) && !this.#container(op) && !this.#memory(op) && !this.#object(op)) {
        throw new DecodeError('a pickle with an instruction that sessions do not use');
      }
    }
  }

  /** Instructions that push one value that they hold themselves. True: it was one. */
  #constant(op: number): boolean {
    const from = this.#in;
    switch (op) {
      case 0x4e: // NONE
        this.#push(null);
        return true;
      case 0x88: // NEWTRUE
        this.#push(true);
        return true;
      case 0x89: // NEWFALSE
        this.#push(false);
        return true;
      case 0x4b: // BININT1
        this.#push(from.byte());
        return true;
      case 0x4d: // BININT2
        this.#push(from.uint(2));
        return true;
      case 0x4a: // BININT
        this.#push(from.uint(4) | 0);
        return true;
      case 0x8a: // LONG1
        this.#push(from.long(from.byte()));
        return true;
      case 0x8b: // LONG4
        this.#push(from.long(from.uint(4)));
        return true;
      case 0x49: // INT
        this.#push(from.decimal(true));
        return true;
      case 0x4c: // LONG
        this.#push(from.decimal(false));
        return true;
      case 0x46: // FLOAT
        this.#push(from.float());
        return true;
      case 0x47: // BINFLOAT
        this.#push(from.double());
        return true;
      default:
        return this.#text(op);
    }
  }

  #text(op: number): boolean {
    const from = this.#in;
    switch (op) {
      case 0x8c: // SHORT_BINUNICODE
        this.#push(from.utf8(from.byte()));
        return true;
      case 0x58: // BINUNICODE
        this.#push(from.utf8(from.uint(4)));
        return true;
      case 0x8d: // BINUNICODE8
        this.#push(from.utf8(from.uint(8)));
        return true;
      case 0x56: // UNICODE
        this.#push(from.rawUnicode());
        return true;
      case 0x53: // STRING
        this.#push(from.quoted());
        return true;
      case 0x55: // SHORT_BINSTRING
        this.#push(from.ascii(from.byte()));
        return true;
      case 0x54: // BINSTRING
        this.#push(from.ascii(from.uint(4)));
        return true;
      case 0x43: // SHORT_BINBYTES
        this.#push(from.bytes(from.byte()));
        return true;
      case 0x42: // BINBYTES
        this.#push(from.bytes(from.uint(4)));
        return true;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        this.#push(from.bytes(from.uint(8)));
        return true;
      default:
        return false;
    }
  }

  /** Instructions that make or fill lists, tuples, sets and dicts. */
  #container(op: number): boolean {
    switch (op) {
      case 0x28: // MARK
        this.#outer.push(this.#stack);
        this.#stack = [];
        this.#count();
        return true;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
      case 0x8f: // EMPTY_SET
        this.#push([]);
        return true;
      case 0x7d: // EMPTY_DICT
        this.#push(new Map<Data, Data>());
        return true;
      case 0x6c: // LIST
      case 0x74: // TUPLE
      case 0x91: // FROZENSET
        this.#push(this.#popMark());
        return true;
      case 0x64: // DICT
        this.#push(pairs(new Map(), this.#popMark()));
        return true;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        if (this.#stack.length < op - 0x84) throw underflow();
        this.#push(this.#stack.splice(0x84 - op));
        return true;
      case 0x61: // APPEND
        this.#append([this.#pop()]);
        return true;
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        this.#append(this.#popMark());
        return true;
      case 0x73: {
        // SETITEM
        const value = this.#pop();
        const key = this.#pop();
        pairs(this.#topMap(), [key, value]);
        return true;
      }
      case 0x75: {
        // SETITEMS
        const items = this.#popMark();
        pairs(this.#topMap(), items);
        return true;
      }
      default:
        return false;
    }
  }

  /** Instructions about the stack, the memo and the frame. */
  #memory(op: number): boolean {
    switch (op) {
      case 0x80: // PROTO
        if (this.#in.byte() > 5) throw new DecodeError('a pickle of a protocol that is not known');
        return true;
      case 0x95: // FRAME: a hint for reading ahead
        this.#in.uint(8);
        return true;
      case 0x30: // POP
        if (this.#stack.length > 0) this.#stack.pop();
        else this.#popMark();
        return true;
      case 0x31: // POP_MARK
        this.#popMark();
        return true;
      case 0x32: // DUP
        this.#push(this.#top());
        return true;
      case 0x94: // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top());
        return true;
      case 0x70: // PUT
        this.#memo.set(this.#in.index(), this.#top());
        return true;
      case 0x71: // BINPUT
        this.#memo.set(this.#in.byte(), this.#top());
        return true;
      case 0x72: // LONG_BINPUT
        this.#memo.set(this.#in.uint(4), this.#top());
        return true;
      case 0x67: // GET
        this.#push(this.#remembered(this.#in.index()));
        return true;
      case 0x68: // BINGET
        this.#push(this.#remembered(this.#in.byte()));
        return true;
      case 0x6a: // LONG_BINGET
        this.#push(this.#remembered(this.#in.uint(4)));
        return true;
      default:
        return false;
    }
  }

  /** Instructions with which Python would import, call or fill objects: here they write down what was asked for. */
  #object(op: number): boolean {
    switch (op) {
      case 0x63: // GLOBAL
        this.#push(inert(`${this.#in.line()}.${this.#in.line()}`));
        return true;
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop();
        const module = this.#pop();
        if (typeof name !== 'string' || typeof module !== 'string')
          throw new UnreadError('a pickle of a nameless class');
        this.#push(inert(`${module}.${name}`));
        return true;
      }
      case 0x69: {
        // INST
        const name = `${this.#in.line()}.${this.#in.line()}`;
        this.#push(inert(name, this.#popMark()));
        return true;
      }
      case 0x6f: {
        // OBJ
        const [called, ...args] = this.#popMark();
        this.#push(calledWith(called, args));
        return true;
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const args = this.#pop();
        this.#push(calledWith(this.#pop(), args));
        return true;
      }
      case 0x92: {
        // NEWOBJ_EX: named arguments are kept like fields
        const named = this.#pop();
        const args = this.#pop();
        const made = calledWith(this.#pop(), args);
        fill(made, named);
        this.#push(made);
        return true;
      }
      case 0x62: {
        // BUILD
        const state = this.#pop();
        fill(this.#top(), state);
        return true;
      }
      default:
        // Persistent ids, extension codes and buffers out of band need what only the app has; Python's `loads` refuses them too.
        return false;
    }
  }

  #count(): void {
    if (++this.#values > VALUES_MAX) throw new UnreadError('a pickle of more values than the bound');
  }

  #push(value: Data): void {
    this.#count();
    this.#stack.push(value);
  }

  #pop(): Data {
    const value = this.#stack.pop();
    if (value === undefined) throw underflow();
    return value;
  }

  #top(): Data {
    const value = this.#stack.at(-1);
    if (value === undefined) throw underflow();
    return value;
  }

  #popMark(): Data[] {
    const items = this.#stack;
    const below = this.#outer.pop();
    if (below === undefined) throw underflow();
    this.#stack = below;
    return items;
  }

  #topMap(): Map<Data, Data> {
    const top = this.#top();
    if (!(top instanceof Map)) throw new UnreadError('a pickle that fills what is no dict');
    return top;
  }

  #append(items: readonly Data[]): void {
    const top = this.#top() as Open; // what is on the stack was made here, so lists and maps may be written to
    if (Array.isArray(top)) for (const item of items) top.push(item);
    else if (top instanceof Map) appendTo(top, items);
    else throw new UnreadError('a pickle that fills what is no list');
  }

  #remembered(index: number): Data {
    const value = this.#memo.get(index);
    if (value === undefined) throw new DecodeError('a pickle that refers to nothing');
    return value;
  }
}

function underflow(): DecodeError {
  return new DecodeError('a pickle that takes more than it has put');
}

/** Fills a map by keys and values in turn. */
function pairs(map: Map<Data, Data>, items: readonly Data[]): Map<Data, Data> {
  if (items.length % 2 !== 0) throw new DecodeError('a pickle with a key without a value');
  for (let i = 0; i < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
  return map;
}

function inert(name: string, args?: Data): Map<Data, Data> {
  const made = new Map<Data, Data>([[PYTHON_CLASS, name]]);
  if (args !== undefined) made.set(PYTHON_ARGS, args);
  return made;
}

/** What calling `called` would have made. Text that Python 2's protocols wrap as `_codecs.encode(text, 'latin1')` is bytes again. */
function calledWith(called: Data | undefined, args: Data): Data {
  const name = called instanceof Map ? (called as Map<Data, Data>).get(PYTHON_CLASS) : undefined;
  if (typeof name !== 'string') throw new UnreadError('a pickle that calls what cannot be called');
  if (name === '_codecs.encode' && Array.isArray(args) && typeof args[0] === 'string' && args[1] === 'latin1')
    return new Uint8Array(Buffer.from(args[0], 'latin1'));
  // Protocols 0 and 1 make every object by one function that is given its class.
  if (name.endsWith('._reconstructor') && Array.isArray(args) && args[0] instanceof Map)
    return calledWith(args[0] as Map<Data, Data>, []);
  return inert(name, args);
}

/** Fields of an object by name where the state is a dict, or a dict and one of slots; else the state as it is. */
function fill(made: Data, state: Data): void {
  if (!(made instanceof Map)) throw new UnreadError('a pickle that gives a state to what is no object');
  const open = made as Map<Data, Data>;
  const slots = Array.isArray(state) && state.length === 2 ? (state as readonly Data[]) : [state];
  if (!slots.every((part) => part === null || part instanceof Map)) {
    open.set('__state__', state);
    return;
  }
  for (const part of slots) {
    if (part === null) continue;
    // What Python would have called stays what it was, whatever a field is named.
    for (const [key, value] of part as Map<Data, Data>) if (key !== PYTHON_CLASS) open.set(key, value);
  }
}

/** Items of an object that is a list of its own kind. */
function appendTo(made: Map<Data, Data>, items: readonly Data[]): void {
  const held = made.get('__items__');
  if (Array.isArray(held)) for (const item of items) (held as Data[]).push(item);
  else made.set('__items__', [...items]);
}
