// Chunked bodies, decoded byte by byte without allocation, and the pieces of their encoding.
import { type ByteWriter, latin1Bytes } from '../base/byte-writer.ts';
import type { Fault } from '../base/fault.ts';
import { isDroppedName } from './dropped-names.ts';
import { FIELD_FLAGS, NO_TRAILER } from './fields.ts';
import { HeadFields, MARK, PARSE } from './head-fields.ts';
import { COLON, CR, HEX_VALUE, LF, SEMICOLON, SP } from './octets.ts';
import { type ChunkRefusals, REQUEST_REFUSAL, RESPONSE_REFUSAL, trailerRefusals } from './refusals.ts';

/** What `ChunkedDecoder.next` says. */
export const CHUNK = { more: 0, data: 1, done: 2, refused: 3 } as const;

export interface ChunkLimits {
  /** Largest extension of one chunk, from its `;`, bytes. */
  readonly extensionBytes: number;
  /** All extensions of a message together, bytes. */
  readonly extensionsBytes: number;
  /** Largest trailer section with its last empty line, bytes. */
  readonly trailerBytes: number;
  readonly trailerFields: number;
  /** Drop trailer fields whose name holds `_` (rule L8). */
  readonly dropUnderscores: boolean;
}

/** The limits that rules F6 and F8 name; as many trailer fields as a head may have by default. */
export const CHUNK_LIMITS: ChunkLimits = {
  extensionBytes: 256,
  extensionsBytes: 4096,
  trailerBytes: 8192,
  trailerFields: 100,
  dropUnderscores: true,
};

export const CRLF: Uint8Array = latin1Bytes('\r\n');
/** The last chunk; trailer fields and CRLF follow. */
export const LAST_CHUNK: Uint8Array = latin1Bytes('0\r\n');
/** The last chunk and the empty line behind it: the end of a body without trailers. */
export const BODY_END: Uint8Array = latin1Bytes('0\r\n\r\n');

/** Writes a chunk's line. Its `size` bytes (> 0) and CRLF follow. */
export function writeChunkHead(out: ByteWriter, size: number): void {
  out.hex(size);
  out.block(CRLF);
}

/** Hex digits of a chunk size: 13 of them stay below 2^52 (rule F6). */
const SIZE_DIGITS_MAX = 13;
const NOTHING = new Uint8Array(0);

/** Where in a body the next byte stands. */
const AT = {
  sizeStart: 0,
  size: 1,
  extension: 2,
  lineFeed: 3,
  data: 4,
  dataCr: 5,
  dataLf: 6,
  trailerStart: 7,
  endLf: 8,
  trailer: 9,
  done: 10,
  refused: 11,
} as const;

/**
 * Decodes one chunked body after another (rules F6-F8; RFC 9112 7.1), pull style: call `next` until it says CHUNK.more.
 * A function of the bytes alone: where they are cut changes how many pieces the data comes in, and nothing else.
 * Data is not copied: it is `bytes[dataStart, dataEnd)` of the call.
 */
export class ChunkedDecoder {
  /** How far the bytes of the last call are used up. */
  pos = 0;
  /** After CHUNK.data. */
  dataStart = 0;
  dataEnd = 0;
  /** After CHUNK.done: the trailer fields that may pass, as lines each with its CRLF, newly written. */
  trailers: Uint8Array = NOTHING;
  trailersLength = 0;
  /** After CHUNK.refused. */
  fault: Fault | null = null;

  readonly #no: ChunkRefusals;
  #trailerNames: readonly Uint8Array[] | null = null;
  #limits: ChunkLimits = CHUNK_LIMITS;
  #at: number = AT.sizeStart;
  #digits = 0;
  /** Bytes of the chunk that are to come. */
  #left = 0;
  #extension = 0;
  #extensions = 0;
  /** The octet before, inside an extension. */
  #before = 0;
  /** The trailer section so far, as it came; allocated when the first trailer does. */
  #raw: Uint8Array = NOTHING;
  #rawLength = 0;
  #fields: HeadFields | null = null;

  constructor(direction: 'request' | 'response') {
    this.#no = direction === 'request' ? REQUEST_REFUSAL : RESPONSE_REFUSAL;
  }

  /**
   * Begins a new body. Gives back what trailers of the last one had taken. `trailerNames`: lower-case names of trailers that are dropped
   * beside those that never pass; null: none.
   */
  reset(limits: ChunkLimits = CHUNK_LIMITS, trailerNames: readonly Uint8Array[] | null = null): void {
    this.#limits = limits;
    this.#trailerNames = trailerNames;
    this.#at = AT.sizeStart;
    this.#extensions = 0;
    this.#rawLength = 0;
    this.#raw = NOTHING;
    this.#fields = null;
    this.trailers = NOTHING;
    this.trailersLength = 0;
    this.fault = null;
  }

  /**
   * Decodes from `bytes[pos, end)`: CHUNK.data (and call again from `this.pos`), CHUNK.more when all is used up, CHUNK.done
   * behind the last byte of the body (`this.pos` is where the next message begins), CHUNK.refused.
   * Hot: no allocation but for trailers.
   */
  next(bytes: Uint8Array, pos: number, end: number): number {
    let i = pos;
    while (i < end) {
      const b = bytes[i]!;
      switch (this.#at) {
        case AT.data: {
          const take = Math.min(this.#left, end - i);
          this.dataStart = i;
          this.dataEnd = i + take;
          this.pos = i + take;
          this.#left -= take;
          if (this.#left === 0) this.#at = AT.dataCr;
          return CHUNK.data;
        }
        case AT.sizeStart: {
          const value = HEX_VALUE[b]!;
          if (value > 15) return this.#refuse(i, this.#no.chunkSize);
          this.#left = value;
          this.#digits = 1;
          this.#at = AT.size;
          break;
        }
        case AT.size: {
          const value = HEX_VALUE[b]!;
          if (value <= 15) {
            if (++this.#digits > SIZE_DIGITS_MAX) return this.#refuse(i, this.#no.chunkSize);
            this.#left = this.#left * 16 + value;
          } else if (b === CR) {
            this.#at = AT.lineFeed;
          } else if (b === SEMICOLON) {
            this.#extension = 0;
            if (!this.#countExtension()) return this.#refuse(i, this.#no.chunkExtensionSize);
            this.#before = b;
            this.#at = AT.extension;
          } else {
            return this.#refuse(i, b === LF ? this.#no.chunkLine : this.#no.chunkSize);
          }
          break;
        }
        case AT.extension:
          if (b === CR) {
            if (this.#before === SP) return this.#refuse(i, this.#no.chunkLine);
            this.#at = AT.lineFeed;
            break;
          }
          if (b === LF) return this.#refuse(i, this.#no.chunkLine);
          if (b < SP || b === 0x7f) return this.#refuse(i, this.#no.chunkExtension);
          if (!this.#countExtension()) return this.#refuse(i, this.#no.chunkExtensionSize);
          this.#before = b;
          break;
        case AT.lineFeed:
          if (b !== LF) return this.#refuse(i, this.#no.chunkLine);
          this.#at = this.#left > 0 ? AT.data : AT.trailerStart;
          break;
        case AT.dataCr:
          if (b !== CR) return this.#refuse(i, this.#no.chunkEnd);
          this.#at = AT.dataLf;
          break;
        case AT.dataLf:
          if (b !== LF) return this.#refuse(i, this.#no.chunkEnd);
          this.#at = AT.sizeStart;
          break;
        case AT.trailerStart:
          if (b !== CR) {
            this.#at = AT.trailer;
            return this.#readTrailer(bytes, i, end);
          }
          this.#at = AT.endLf;
          break;
        case AT.endLf:
          if (b !== LF) return this.#refuse(i, this.#no.trailerMalformed);
          this.#at = AT.done;
          this.pos = i + 1;
          return CHUNK.done;
        case AT.trailer:
          return this.#readTrailer(bytes, i, end);
        default:
          // Behind the end or a refusal nothing is read: the caller has to reset first.
          this.pos = i;
          return this.#at === AT.done ? CHUNK.done : CHUNK.refused;
      }
      i++;
    }
    this.pos = end;
    return CHUNK.more;
  }

  #refuse(at: number, why: Fault): number {
    this.pos = at;
    this.fault = why;
    this.#at = AT.refused;
    return CHUNK.refused;
  }

  #countExtension(): boolean {
    this.#extensions++;
    return (
      ++this.#extension <= this.#limits.extensionBytes && this.#extensions <= this.#limits.extensionsBytes
    );
  }

  /** Gathers a trailer section that has fields, up to its empty line. */
  #readTrailer(bytes: Uint8Array, from: number, end: number): number {
    const max = this.#limits.trailerBytes;
    for (let i = from; i < end; i++) {
      const b = bytes[i]!;
      const n = this.#rawLength;
      if (n === max) return this.#refuse(i, this.#no.trailerTooLarge);
      if (n === this.#raw.length) this.#growRaw(max);
      const raw = this.#raw;
      raw[n] = b;
      this.#rawLength = n + 1;
      if (b !== LF) continue;
      if (n === 0 || raw[n - 1] !== CR) return this.#refuse(i, this.#no.trailerMalformed);
      if (n < 2 || raw[n - 2] !== LF) continue;
      const why = this.#filterTrailers();
      if (why !== null) return this.#refuse(i, why);
      this.#at = AT.done;
      this.pos = i + 1;
      return CHUNK.done;
    }
    this.pos = end;
    return CHUNK.more;
  }

  #growRaw(max: number): void {
    const grown = new Uint8Array(Math.min(max, Math.max(256, this.#raw.length * 2)));
    grown.set(this.#raw);
    this.#raw = grown;
  }

  /** Parses the gathered section and writes what may pass into `trailers`. Returns why it is refused, or null. */
  #filterTrailers(): Fault | null {
    const raw = this.#raw;
    this.#fields ??= new HeadFields(this.#limits.trailerFields, trailerRefusals(this.#no));
    const fields = this.#fields;
    if (fields.read(raw, 0, this.#rawLength, this.#rawLength) !== PARSE.done) {
      return fields.fault ?? this.#no.trailerMalformed;
    }
    // A line grows by at most the space behind its colon.
    const out = new Uint8Array(this.#rawLength + fields.count);
    let at = 0;
    for (let i = 0; i < fields.count; i++) {
      if ((FIELD_FLAGS[fields.id[i]!]! & NO_TRAILER) !== 0) continue;
      if (this.#trailerNames !== null && isDroppedName(this.#trailerNames, fields, i)) continue;
      if (this.#limits.dropUnderscores && (fields.marks[i]! & MARK.underscore) !== 0) continue;
      for (let j = fields.nameStart[i]!; j < fields.nameEnd[i]!; j++) out[at++] = raw[j]!;
      out[at++] = COLON;
      out[at++] = SP;
      for (let j = fields.valueStart[i]!; j < fields.valueEnd[i]!; j++) out[at++] = raw[j]!;
      out[at++] = CR;
      out[at++] = LF;
    }
    this.trailers = out;
    this.trailersLength = at;
    return null;
  }
}
