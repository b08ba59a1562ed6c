// The main log: what a person running Limpet should know, one pino line an event, stamped and cleared of secrets.
import { pino } from 'pino';
import { redact, redactText } from './redaction.ts';

export type Logger = pino.Logger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** `,"time":"…"` in UTC with milliseconds; the text is made once a millisecond, since lines come many at a time. */
export function makeTimestamp(wallMs: () => number): () => string {
  let lastMs = -1;
  let text = '';
  return () => {
    const nowMs = Math.floor(wallMs());
    if (nowMs !== lastMs) {
      lastMs = nowMs;
      text = `,"time":"${new Date(nowMs).toISOString()}"`;
    }
    return text;
  };
}

/**
 * A logger that writes to `destination` (a `LogSink`; in a worker, whatever ships lines to it). Lines have `level` by name,
 * `time`, the fields given, `msg`. Fields with a secret's name, errors' own fields and the user part of URLs are hidden.
 */
export function makeLogger(
  options: { readonly level: LogLevel },
  destination: { write(line: string): void },
  wallMs: () => number = Date.now,
): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: makeTimestamp(wallMs),
      formatters: { level: (label) => ({ level: label }), log: redact },
      // Errors are already plain when they get here: `redact` ran before.
      serializers: { err: (error: unknown) => error },
      hooks: { logMethod: hideInMessage },
    },
    destination,
  );
}

/** Messages are constant text, but for what a library's error put into one. */
function hideInMessage(this: Logger, args: Parameters<pino.LogFn>, method: pino.LogFn): void {
  for (let i = 0; i < args.length; i++) {
    const arg: unknown = args[i];
    if (typeof arg === 'string') args[i] = redactText(arg);
  }
  method.apply(this, args);
}
