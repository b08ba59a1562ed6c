// What a parser made of a stream of messages, in words that two parsers can be compared by.

/** One message whose head was complete. */
export interface ReadMessage {
  /** `METHOD target` or `status reason`. */
  readonly start: string;
  /** Minor version: 0, or 1 for 1.1 and above. */
  readonly minor: number;
  /** Names and values in turn, in their order. */
  readonly fields: readonly string[];
  /** As far as it came, Latin-1. */
  body: string;
  /** Names and values in turn; of a complete message. */
  trailers: readonly string[];
  readonly keepAlive: boolean;
  readonly upgrade: boolean;
  complete: boolean;
  /** Offset behind its last byte, once it is complete; llhttp does not tell. */
  end: number;
}

export interface Reading {
  readonly messages: ReadMessage[];
  /** `waits`: for more bytes; `closed`: what follows is not read; `upgraded`: what follows is no HTTP; `refused`: see `code`. */
  end: 'waits' | 'closed' | 'upgraded' | 'refused';
  /** Why it was refused, in the parser's own words. */
  code: string;
}

/** How many messages are complete. */
export function completeCount(reading: Reading): number {
  const { messages } = reading;
  return messages.length > 0 && !messages.at(-1)!.complete ? messages.length - 1 : messages.length;
}
