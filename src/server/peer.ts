/**
 * Whose process is at the other end of a loopback connection. Files of the log are for one user only; a port of 127.0.0.1
 * is open to every user of the machine, so without this any of them could read what the modes of the files keep from
 * them. Linux tells in /proc; elsewhere nobody does.
 */
import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';

/** The client's end, as its server sees it. IPv4. */
export interface Peer {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
}

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => shared(() => contents(path)));
const ROOT = 0;
/** More than one line of a table has. */
const LINE_CHARS = 256;
/** `::ffff:` */
const MAPPED = { LE: '0000000000000000FFFF0000', BE: '00000000000000000000FFFF' } as const;

/**
 * Whether the client may read what this process's user may read: it is that user, or root, or this system does not tell.
 * A client that is not in the table (it has gone meanwhile) may not.
 */
export async function isOwnUser(peer: Peer): Promise<boolean> {
  const own = process.getuid?.();
  if (process.platform !== 'linux' || own === undefined) return true;
  for (const table of TABLES) {
    const uid = uidIn(await table(), peer, endianness());
    if (uid !== undefined) return uid === own || uid === ROOT;
  }
  return false;
}

/**
 * One reading serves all who asked before it began: the table has a line for each connection of the machine, and a
 * thousand clients that come at once must not make us read it a thousand times.
 */
function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | undefined;
  return () => {
    next ??= running.then(() => {
      next = undefined;
      const reading = read();
      running = reading.catch(() => undefined);
      return reading;
    });
    return next;
  };
}

/** A kernel without IPv6 has no second table. */
async function contents(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

/**
 * proc_net_tcp(5): `sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode`, from the client's side.
 * Addresses are 32-bit words of the machine in hex. A client that used an IPv6 socket stands in the second table, with
 * its IPv4 address behind `::ffff:`. One that was closed has inode 0, and uid 0 whoever it was.
 */
export function uidIn(table: string, peer: Peer, order: 'LE' | 'BE'): number | undefined {
  const local = `${hexOf(peer.remoteAddress, order)}:${hexPort(peer.remotePort)}`;
  const remote = `:${hexPort(peer.localPort)}`;
  for (const from of [local, `${MAPPED[order]}${local}`]) {
    // Only the client's own end stands behind the number of its line.
    const mark = `: ${from} `;
    for (let at = table.indexOf(mark); at !== -1; at = table.indexOf(mark, at + 1)) {
      const [to = '', , , , , uid = '', , inode = '0'] = table
        .slice(at + mark.length, at + mark.length + LINE_CHARS)
        .split('\n', 1)
        .join()
        .split(/ +/);
      if (to.endsWith(remote) && inode !== '0') return Number(uid);
    }
  }
  return undefined;
}

function hexOf(address: string, order: 'LE' | 'BE'): string {
  const bytes = address.split('.').map((byte) => hex(Number(byte), 2));
  return (order === 'LE' ? bytes.toReversed() : bytes).join('');
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
const hexPort = (port: number): string => hex(port, 4);
