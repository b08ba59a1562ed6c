// The head of an answer that goes on as events (server-sent events, HTML standard section 9.2), whatever they tell.
import type { ServerResponse } from 'node:http';

/** Begins it. `onClose`: either side has ended it. Blocks are written by the caller. */
export function beginEvents(response: ServerResponse, onClose: () => void): void {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    // A proxy of the nginx kind would hold the events back until its buffer is full.
    'X-Accel-Buffering': 'no',
    Connection: 'close',
  });
  response.on('close', onClose);
  response.on('error', () => response.destroy());
}
