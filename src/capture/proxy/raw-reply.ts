/** The broker's answers on a connection that node:http has handed over: to CONNECT, to an upgrade, and to what is no request. */
import type { Duplex } from 'node:stream';
import { LIMITS } from '../../core/limits.ts';
import type { Reply } from './reply.ts';

const STATUS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

/** Longer ones are cut: some clients show the line of the status as their only word on why a CONNECT failed. */
const PHRASE_CHARS = 160;

/**
 * The reason phrase: most clients show nothing else of a refused CONNECT, so it says what to do. Its text is our own,
 * with a host in its one form; anything but printable ASCII is left out all the same, since a line break would be a
 * header.
 */
function phraseOf({ status, body }: Reply): string {
  const said = (body.message ?? body.error).replaceAll(/[^ -~]+/g, ' ');
  const usual = STATUS[status] ?? 'Refused';
  return said === '' ? usual : `${usual} (${said.slice(0, PHRASE_CHARS)})`;
}

export function replyText(reply: Reply, headers: readonly string[], entry?: string): string {
  const text = `${JSON.stringify(reply.body)}\n`;
  const all = [
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(text)),
    'x-tally-reason',
    reply.body.reason,
    ...(reply.retryAfterS === undefined ? [] : ['retry-after', String(reply.retryAfterS)]),
    ...(entry === undefined ? [] : ['x-tally-entry', entry]),
    ...headers,
    'connection',
    'close',
  ];
  let head = `HTTP/1.1 ${reply.status} ${phraseOf(reply)}\r\n`;
  for (let i = 0; i + 1 < all.length; i += 2) head += `${all[i]}: ${all[i + 1]}\r\n`;
  return `${head}\r\n${text}`;
}

/**
 * Answers and ends; what the other side still sends is thrown away for a moment, so that it reads the answer. Once it has
 * ended too, the socket closes by itself.
 */
export function rawReply(
  socket: Duplex,
  reply: Reply,
  headers: readonly string[] = [],
  entry?: string,
): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const timer = setTimeout(() => socket.destroy(), LIMITS.lingerMs);
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  socket.end(replyText(reply, headers, entry));
}
