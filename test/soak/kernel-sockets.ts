// The TCP connections of a process as the kernel tells them: their states, what waits in their queues, and whose the other ends are.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One line of /proc/net/tcp. */
export interface KernelSocket {
  readonly localPort: number;
  readonly remotePort: number;
  readonly state: string;
  /** Bytes that the peer has not acknowledged, and such as nobody has read. */
  readonly sendQueue: number;
  readonly receiveQueue: number;
  readonly inode: string;
}

/** Hexadecimal states of /proc/net/tcp (include/net/tcp_states.h of Linux). */
const STATES: Readonly<Record<string, string>> = {
  '01': 'established',
  '04': 'fin-wait',
  '05': 'fin-wait',
  '08': 'close-wait',
  '0A': 'listen',
};

/** All of IPv4's on this machine. */
export function kernelSockets(): KernelSocket[] {
  const sockets: KernelSocket[] = [];
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local = '', remote = '', state = '', queues = '', , , , , inode = ''] = line.trim().split(/\s+/);
    if (inode === '') continue;
    const [send = '', receive = ''] = queues.split(':');
    sockets.push({
      localPort: portOf(local),
      remotePort: portOf(remote),
      state: STATES[state] ?? state,
      sendQueue: Number.parseInt(send, 16),
      receiveQueue: Number.parseInt(receive, 16),
      inode,
    });
  }
  return sockets;
}

function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16);
}

/** The inode of the socket behind a descriptor; null: it is none, or is closed already. */
export function inodeOf(pid: number | string, descriptor: string): string | null {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** The connections of process `pid`, a line each, for somebody who looks for one that should be gone. Those that listen are left out. */
export function tellConnections(pid: number): string[] {
  const all = kernelSockets();
  const owners = ownersOf();
  const mine = new Set(descriptorsOf(pid).map((descriptor) => inodeOf(pid, descriptor)));
  return all
    .filter(({ inode, state }) => mine.has(inode) && state !== 'listen')
    .map(({ localPort, remotePort, state, sendQueue, receiveQueue }) => {
      const other = all.find((one) => one.localPort === remotePort && one.remotePort === localPort);
      const theirs =
        other === undefined
          ? 'the other end is gone'
          : `the other end is ${other.state}, ${queues(other)}, of ${owners.get(other.inode) ?? 'nobody'}`;
      return `${localPort} to ${remotePort}: ${state}, ${queues({ sendQueue, receiveQueue })}; ${theirs}`;
    });
}

function queues({ sendQueue, receiveQueue }: Pick<KernelSocket, 'sendQueue' | 'receiveQueue'>): string {
  return `${sendQueue} bytes to send and ${receiveQueue} to read`;
}

function descriptorsOf(pid: number | string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return []; // ended meanwhile, or of another user
  }
}

/** Which process has a socket, by its inode. */
function ownersOf(): Map<string, string> {
  const owners = new Map<string, string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const descriptor of descriptorsOf(pid)) {
      const inode = inodeOf(pid, descriptor);
      if (inode !== null) owners.set(inode, `process ${pid} (${commandOf(pid)})`);
    }
  }
  return owners;
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, 3).join(' ').slice(-100);
  } catch {
    return '';
  }
}
