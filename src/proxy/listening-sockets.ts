// The sockets that one listener accepts from: bound, or taken over from a predecessor, and closed when their queue is empty.
import { createServer, type ListenOptions, type Server } from 'node:net';
import type { Bind } from '../config/config.ts';
import { descriptorOf } from '../socket/handle-io.ts';
import { nameBeside, SocketFile } from '../socket/socket-file.ts';

/** Turns of the event loop without a new connection after which the kernel's queue is empty: each asks the kernel once. */
const QUIET_TURNS = 3;
/** Turns after which a listener closes though more and more come: somebody still sends clients here. */
const LAST_TURNS_MAX = 10_000;

/** Who accepts. */
export interface SocketsUser {
  /** A socket listens; what it accepts counts in `ListeningSockets.accepts`. */
  readonly take: (server: Server) => void;
  /** Nothing is accepted any more. */
  readonly onClosed: () => void;
}

/** Those of one listener in one worker. */
export class ListeningSockets {
  readonly #bind: Bind;
  readonly #user: SocketsUser;
  /** Several where sockets were taken over from more workers than there are here. */
  readonly #servers: Server[] = [];
  /** Of a unix socket that is ours to remove. */
  #file: SocketFile | null = null;
  /** Nothing is accepted any more. */
  closed = false;
  /** Connections that were accepted. */
  accepts = 0;
  /** The port that was bound; 0 for a unix socket. */
  port = 0;

  constructor(bind: Bind, user: SocketsUser) {
    this.#bind = bind;
    this.#user = user;
  }

  /** Binds. `shared`: other workers bind the same port (`reusePort`). Rejects with the system's error. */
  async listen(shared: boolean, backlog: number): Promise<void> {
    const bind = this.#bind;
    if (bind.kind === 'tcp') {
      const { host, port } = bind;
      await this.#open({ host, port, backlog, ...(shared ? { reusePort: true } : {}) });
      return;
    }
    const path = nameBeside(bind.path);
    await this.#open({ path, backlog });
    this.#file = SocketFile.place(path, bind.path);
  }

  /** Takes over the socket of a descriptor that listens already. `keepsFile`: a unix socket's file is somebody else's to remove. */
  async adopt(fd: number, backlog: number, keepsFile: boolean): Promise<void> {
    await this.#open({ fd, backlog });
    if (this.#bind.kind === 'unix' && !keepsFile) this.#file = SocketFile.found(this.#bind.path);
  }

  /** The descriptors that it listens on, for a successor. −1: one cannot be told. */
  get descriptors(): number[] {
    return this.#servers.map(descriptorOf);
  }

  #open(options: ListenOptions & { readonly fd?: number }): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: false });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(options, () => {
        server.off('error', reject);
        // What fails later (EMFILE) concerns one accept; libuv tries again.
        server.on('error', () => {});
        const address = server.address();
        this.port = address !== null && typeof address === 'object' ? address.port : 0;
        this.#user.take(server);
        this.#servers.push(server);
        resolve();
      });
    });
  }

  /** A successor has the file. */
  leaveFile(): void {
    this.#file = null;
  }

  /** Serves who has connected already and stands in the kernel's queue, where closing would reset him; then closes. */
  acceptRest(): void {
    let quiet = 0;
    let turns = 0;
    let before = this.accepts;
    const look = (): void => {
      quiet = this.accepts === before ? quiet + 1 : 0;
      before = this.accepts;
      if (this.closed) return;
      if (quiet < QUIET_TURNS && ++turns < LAST_TURNS_MAX) setImmediate(look);
      else this.close();
    };
    setImmediate(look);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    // Before the sockets close, so that nobody connects to a file without one.
    this.#file?.remove();
    for (const server of this.#servers) server.close();
    this.#user.onClosed();
  }
}
