// Clients that do everything right, beside those that do not: each of their requests is answered, and with its own answer.
import { statusOf } from '../kit/http-message.ts';
import { RawClient } from '../kit/raw-client.ts';
import { Chance } from './chance.ts';
import type { ProxyFindings } from './proxy-findings.ts';

const CALM = '127.0.0.1';
const WAIT_MS = 60_000;

/** Asks on one kept connection, again and again, until `isOver`. Returns how many answers came. */
export async function beCalm(
  port: number,
  strand: number,
  seed: number,
  isOver: () => boolean,
  findings: ProxyFindings,
): Promise<number> {
  const client = await RawClient.open(port, { from: CALM, owner: { teardown: () => {} } });
  let asked = 0;
  try {
    while (!isOver()) {
      const chance = new Chance(seed ^ (strand + 1), asked++);
      const path = `/calm/${strand}-${asked}`;
      const body = chance.octets(chance.below(2000));
      const { method, bytes } = chance.pick([get, post, chunked])(path, body);
      const sent = method === 'GET' ? 0 : body.length;
      const answer = await client.ask(bytes, method, WAIT_MS);
      const text = answer.body.toString('latin1');
      const expected = `from=${CALM};target=${path};bytes=${sent};`;
      if (statusOf(answer) !== 200 || !text.startsWith(expected)) {
        findings.add(
          'limpet',
          `${path} was answered with ${answer.start} ${text.slice(0, 200)}`,
          asked,
          bytes,
        );
        break;
      }
    }
  } catch (error) {
    findings.add('limpet', `a calm client: ${error instanceof Error ? error.message : String(error)}`, asked);
  }
  client.destroy();
  return asked;
}

interface Ask {
  readonly method: string;
  readonly bytes: string;
}

function get(path: string): Ask {
  return { method: 'GET', bytes: `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n` };
}

function post(path: string, body: string): Ask {
  const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`;
  return { method: 'POST', bytes: head + body };
}

function chunked(path: string, body: string): Ask {
  const head = `PUT ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  return { method: 'PUT', bytes: `${head}${chunk}0\r\n\r\n` };
}
