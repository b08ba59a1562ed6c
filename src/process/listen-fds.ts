// Sockets that systemd bound for us (sd_listen_fds(3)): how many there are says the environment, where they listen says the kernel.
import { readFileSync, readlinkSync } from 'node:fs';
import ipaddr from 'ipaddr.js';
import type { Bind } from '../config/config.ts';
import type { InheritedSockets } from './inherited.ts';

/** The first descriptor of theirs: SD_LISTEN_FDS_START. */
const FIRST_FD = 3;
const FDS_MAX = 1024;
/** States in /proc/net: LISTEN of TCP, and a unix socket's flag that it accepts (SO_ACCEPTCON, 1 << 16). */
const LISTENS = '0A';
const ACCEPTS = 0x10000;

/**
 * The sockets handed down to this process, sockets of one address together. The variables are taken out of `env`, since they are not meant for
 * children. Empty without systemd, or where the variables are for another process.
 */
export function socketsOfSystemd(env: NodeJS.ProcessEnv, pid: number): InheritedSockets[] {
  const { LISTEN_PID, LISTEN_FDS } = env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID']) delete env[name];
  const count = Number(LISTEN_FDS ?? 0);
  if (Number(LISTEN_PID) !== pid || !Number.isInteger(count) || count < 1 || count > FDS_MAX) return [];
  const places = new Map<string, { readonly bind: Bind; readonly fds: number[] }>();
  const table = readPlaces();
  for (let fd = FIRST_FD; fd < FIRST_FD + count; fd++) {
    const bind = placeOf(fd, table);
    if (bind === null) continue;
    const key = JSON.stringify(bind);
    const place = places.get(key) ?? { bind, fds: [] };
    place.fds.push(fd);
    places.set(key, place);
  }
  return [...places.values()].map((place) => ({ ...place, extends: false, managed: true }));
}

function placeOf(fd: number, table: ReadonlyMap<string, Bind>): Bind | null {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`));
    return inode === null ? null : (table.get(inode[1]!) ?? null);
  } catch {
    // Not there, or not to be looked at.
    return null;
  }
}

/** Where sockets listen, by inode (proc_pid_net(5)). */
function readPlaces(): Map<string, Bind> {
  const places = new Map<string, Bind>();
  for (const file of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
    for (const columns of rowsOf(file)) {
      const [address, port] = (columns[1] ?? '').split(':');
      if (columns[3] !== LISTENS || address === undefined || port === undefined) continue;
      const bind: Bind = { kind: 'tcp', host: hostOf(address), port: Number.parseInt(port, 16) };
      places.set(columns[9] ?? '', bind);
    }
  }
  for (const columns of rowsOf('/proc/self/net/unix')) {
    const path = columns[7];
    if (path === undefined || !path.startsWith('/')) continue;
    if ((Number.parseInt(columns[3] ?? '', 16) & ACCEPTS) !== 0)
      places.set(columns[6] ?? '', { kind: 'unix', path });
  }
  return places;
}

function rowsOf(file: string): string[][] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n').slice(1);
    return lines.map((line) => line.trim().split(/\s+/));
  } catch {
    // Another system than Linux, or one without IPv6.
    return [];
  }
}

/** An address as /proc/net writes it: words of 32 bits, each in the order of this machine's bytes; little-endian on all that Node runs on but s390x. */
function hostOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  bytes.swap32();
  const address = ipaddr.fromByteArray([...bytes]);
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();
}
