/**
 * What Linux says of sockets and processes, read from the text of /proc. Pure: the files are read elsewhere. A process
 * chooses its own name, so nothing but the kernel's own columns is believed.
 */

/** One end of a TCP connection over IPv4, as the caller's and our own ports on this machine. */
export interface Ports {
  readonly theirs: number;
  readonly ours: number;
}

/** Linux writes an address as the hex of a 32-bit word in the machine's byte order; all of 127.0.0.0/8 is this machine. */
const LINE =
  /^\s*\d+: ([0-9A-F]{8}):([0-9A-F]{4}) ([0-9A-F]{8}):([0-9A-F]{4}) [0-9A-F]{2} \S+ \S+ \S+ +\d+ +\d+ (\d+)/;

const isLoopback = (word: string): boolean => word.endsWith('7F') || word.startsWith('7F');

/** `table`: of /proc/net/tcp. Undefined: there is no such connection, or nobody holds it any more. */
export function inodeOf(table: string, { theirs, ours }: Ports): string | undefined {
  const wanted = [theirs, ours].map((port) => port.toString(16).toUpperCase().padStart(4, '0'));
  for (const line of table.split('\n')) {
    // Most lines are of others, and a look for the port is cheap.
    if (!line.includes(`:${wanted[0]} `)) continue;
    const [, from = '', fromPort, to = '', toPort, inode = '0'] = LINE.exec(line) ?? [];
    if (fromPort === wanted[0] && toPort === wanted[1] && isLoopback(from) && isLoopback(to) && inode !== '0')
      return inode;
  }
  return undefined;
}

export interface Stat {
  readonly ppid: number;
  /** Clock ticks after the start of the system: with the pid it names a process for good. */
  readonly started: string;
}

/** `text`: of /proc/PID/stat. The name of the process stands in parentheses and may hold some itself. */
export function readStat(text: string): Stat | undefined {
  const close = text.lastIndexOf(')');
  if (close === -1) return undefined;
  const fields = text.slice(close + 2).split(' ');
  const [, parent = ''] = fields;
  const started = fields[19] ?? '';
  if (!/^\d{1,10}$/.test(parent) || !/^\d{1,20}$/.test(started)) return undefined;
  return { ppid: Number(parent), started };
}

/** Whether a link of /proc/PID/fd is this socket. */
export const isSocket = (link: string, inode: string): boolean => link === `socket:[${inode}]`;
