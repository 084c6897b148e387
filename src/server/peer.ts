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

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];
const ROOT = 0;
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
    const uid = uidIn(await contents(table), peer, endianness());
    if (uid !== undefined) return uid === own || uid === ROOT;
  }
  return false;
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
  const mapped = `${MAPPED[order]}${local}`;
  const remote = `:${hexPort(peer.localPort)}`;
  for (const line of table.split('\n')) {
    const [, from = '', to = '', , , , , uid = '', , inode = '0'] = line.trim().split(/\s+/);
    const matches = (from === local || from === mapped) && to.endsWith(remote);
    if (matches && inode !== '0') return Number(uid);
  }
  return undefined;
}

function hexOf(address: string, order: 'LE' | 'BE'): string {
  const bytes = address.split('.').map((byte) => hex(Number(byte), 2));
  return (order === 'LE' ? bytes.toReversed() : bytes).join('');
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
const hexPort = (port: number): string => hex(port, 4);
