// What is known of a client connection for all its requests: its address, whether it is a trusted proxy, and the fields that say so.
import { latin1Bytes } from '../base/byte-writer.ts';
import { plainAddress, type TrustedProxies } from '../plan/trusted-proxies.ts';

/** Made with a connection's first request. */
export class ClientSide {
  /** Address of the peer; `unix:` for a unix socket. */
  readonly address: string;
  readonly trusted: boolean;
  /** X-Forwarded-For, -Proto, -Port and X-Real-IP as ready lines: what a client that is nobody's proxy gets. */
  readonly forwarded: Uint8Array;
  readonly port: number;

  constructor(remoteAddress: string, port: number, proxies: TrustedProxies) {
    const address = remoteAddress === '' ? 'unix:' : plainAddress(remoteAddress);
    this.address = address;
    this.trusted = proxies.trusts(address);
    this.port = port;
    const portLine = port === 0 ? '' : `X-Forwarded-Port: ${port}\r\n`;
    this.forwarded = latin1Bytes(
      `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: http\r\n${portLine}X-Real-IP: ${address}\r\n`,
    );
  }
}
