// What is known of a client connection for all its requests: its address, whether it is a trusted proxy, and the fields that say so.
import { latin1Bytes } from '../base/byte-writer.ts';
import { plainAddress, type TrustedProxies } from '../plan/trusted-proxies.ts';

/** Made with a connection's first request. */
export class ClientSide {
  /** Address of the peer; `unix:` for a unix socket, `unknown` where `gone`. */
  readonly address: string;
  /** A reset has overtaken what the client sent: there is no peer any more, and none to name to an upstream. */
  readonly gone: boolean;
  readonly trusted: boolean;
  /** X-Forwarded-For, -Proto, -Port and X-Real-IP as ready lines: what a client that is nobody's proxy gets. */
  readonly forwarded: Uint8Array;
  readonly port: number;

  /** `remoteAddress`: empty for a unix socket, and without a peer; `port`: that of the listener, 0 for a unix socket. */
  constructor(remoteAddress: string, port: number, proxies: TrustedProxies) {
    const nameless = port === 0 ? 'unix:' : 'unknown';
    const address = remoteAddress === '' ? nameless : plainAddress(remoteAddress);
    this.address = address;
    this.gone = address === 'unknown';
    this.trusted = proxies.trusts(address);
    this.port = port;
    const portLine = port === 0 ? '' : `X-Forwarded-Port: ${port}\r\n`;
    this.forwarded = latin1Bytes(
      `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: http\r\n${portLine}X-Real-IP: ${address}\r\n`,
    );
  }
}
