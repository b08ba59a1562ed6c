// Runs what an image holds much as an engine would, by Linux's own means: process 1 of its own, a root that is read-only, no rights.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, type Owner } from '../kit/child.ts';
import { type Image, realNode } from './dockerfile.ts';

/** Whether this machine lets us: null if so, else what is missing. */
export function whyNotIsolated(): string | null {
  const probe = spawnSync(
    'unshare',
    [...SPACES, 'sh', '-c', 'mount --make-rprivate / && mount -t tmpfs none /mnt && setpriv --version'],
    {
      encoding: 'utf8',
    },
  );
  return probe.status === 0 ? null : `unshare: ${probe.error?.message ?? probe.stderr.trim()}`;
}

const SPACES = [
  // Whoever is not root may still be it in a user namespace of its own, where the system allows that.
  ...(process.getuid?.() === 0 ? [] : ['--map-root-user']),
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
];

/**
 * A root like that of the image: the machine's own /usr and /etc in place of the base's, Node where the base has it, what the
 * Dockerfile's steps made, and what the user mounts; all read-only. Then the command in place of this script, which is process 1.
 * The arguments: root, folder of the image, Node, whether to raise the loopback, pairs of mounts, `--`, the command.
 */
const ENTER = `set -e
root=$1 image=$2 node=$3 loopback=$4
shift 4
if [ "$loopback" = yes ]; then ip link set lo up; fi
mount --make-rprivate /
mount -t tmpfs -o mode=755 limpet "$root"
show() {
  if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$(dirname "$root$2")"; : > "$root$2"; fi
  mount --bind "$1" "$root$2"
  mount -o remount,bind,ro "$root$2"
}
for folder in /usr/bin /usr/sbin /usr/lib /usr/lib64 /etc; do if [ -d $folder ]; then show $folder $folder; fi; done
for link in /bin /sbin /lib /lib64; do
  if [ -L $link ]; then cp -P $link "$root$link"; elif [ -d $link ]; then show $link $link; fi
done
show "$node" /usr/local/bin/node
for folder in "$image"/*; do show "$folder" "/$(basename "$folder")"; done
while [ "$1" != -- ]; do show "$1" "$2"; shift 2; done
shift
mkdir "$root/proc" "$root/dev" "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
exec chroot "$root" "$@"
`;

export interface IsolatedOptions {
  readonly owner: Owner;
  /** A folder of the test's for what cannot be mounted elsewhere. */
  readonly scratch: string;
  /** In place of the image's CMD. */
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Files and folders by the path at which they are seen. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** A network of its own, with a loopback and nothing else; default: the machine's. Needs `ip`. */
  readonly network?: boolean;
}

/** One container, as near as it comes. */
export class Isolated {
  readonly #outer: Child;
  readonly #image: Image;
  readonly #env: Readonly<Record<string, string>>;
  readonly #hasNetwork: boolean;

  constructor(image: Image, options: IsolatedOptions) {
    this.#image = image;
    this.#env = { PATH: '/usr/local/bin:/usr/bin:/bin', ...image.env, ...options.env };
    const root = join(options.scratch, 'root');
    mkdirSync(root, { recursive: true });
    const own = options.network === true;
    this.#hasNetwork = own;
    const mounts = Object.entries(options.mounts ?? {}).flatMap(([at, source]) => [source, at]);
    const command = [...image.entry, ...(options.command ?? image.command)];
    const enter = [
      'sh',
      '-c',
      ENTER,
      'enter',
      root,
      image.root,
      realNode(),
      own ? 'yes' : 'no',
      ...mounts,
      '--',
    ];
    this.#outer = new Child(
      'unshare',
      [...SPACES, ...(own ? ['--net'] : []), ...enter, ...this.#asUser(command)],
      {
        owner: options.owner,
      },
    );
  }

  wrote(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#outer.wrote(pattern, 60_000);
  }

  /** As `docker exec` does: in its spaces, as its user. With `root`, as root. */
  exec(command: readonly string[], root = false): { status: number | null; output: string } {
    const pid = this.#firstPid();
    const enter = [`--target=${pid}`, '--mount', '--pid', '--root'];
    if (this.#hasNetwork) enter.push('--net');
    if (process.getuid?.() !== 0) enter.push('--user', '--preserve-credentials');
    const inside = root ? command : this.#asUser(command);
    const done = spawnSync('nsenter', [...enter, '--', ...inside], { encoding: 'utf8', timeout: 30_000 });
    return { status: done.status, output: `${done.stdout}${done.stderr}` };
  }

  /** Sends the image's STOPSIGNAL to its process 1; the exit code. */
  stop(): Promise<number | NodeJS.Signals> {
    process.kill(this.#firstPid(), this.#image.stop as NodeJS.Signals); // the Dockerfile names one, or this throws
    return this.#outer.exit();
  }

  /** Process 1 as the machine numbers it. */
  #firstPid(): number {
    const { pid } = this.#outer;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
  }

  /** Without any right, in the image's folder, with nothing but the image's environment. */
  #asUser(command: readonly string[]): string[] {
    const [uid = '', gid = ''] = this.#image.user.split(':');
    const ids = process.getuid?.() === 0 ? [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'] : [];
    const env = Object.entries(this.#env).map(([name, value]) => `${name}=${value}`);
    return [
      'setpriv',
      ...ids,
      '--no-new-privs',
      '--bounding-set=-all',
      '--inh-caps=-all',
      'env',
      '-i',
      '-C',
      this.#image.workdir,
      ...env,
      ...command,
    ];
  }
}
