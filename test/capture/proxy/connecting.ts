/** A program that uses the broker as its proxy, byte by byte. */

import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { ensureCa } from '../../../src/capture/ca/authority.ts';
import { caPaths } from '../../../src/capture/ca/files.ts';
import { type Answer, readAnswer, type Stage } from './stage.ts';

export interface Connected {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The status line as it came. */
  readonly line: string;
  readonly body: string;
  readonly socket: Socket;
}

/** Asks for a connection and reads the answer; of a refusal its body too. */
export function connectVia(
  port: number,
  authority: string,
  headers: Record<string, string> = {},
): Promise<Connected> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${lines.join('')}\r\n`);
    const read = (ended: boolean): void => {
      const end = text.indexOf('\r\n\r\n');
      if (end === -1) {
        if (ended) reject(new Error(`closed after ${JSON.stringify(text)}`));
        return;
      }
      const [line = '', ...rest] = text.slice(0, end).split('\r\n');
      const named = new Map(
        rest.map((one) => [one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 2)]),
      );
      const length = Number(named.get('content-length') ?? 0);
      if (text.length < end + 4 + length) return;
      socket.off('data', onData).off('error', reject).off('close', onClose);
      socket.pause();
      const status = Number(line.split(' ')[1]);
      resolve({ status, headers: named, line, body: text.slice(end + 4), socket });
    };
    const onData = (data: Buffer): void => {
      text += data.toString('latin1');
      read(false);
    };
    const onClose = (): void => read(true);
    socket.on('data', onData).on('error', reject).on('close', onClose);
  });
}

/** TLS inside of a connection, by default with the broker's authority as the only trusted one. */
export async function secure(
  at: Stage,
  socket: Socket,
  servername: string,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  await ensureCa({ state: at.state }, Date.now);
  const ca = readFileSync(caPaths({ state: at.state }).certificate);
  return new Promise((resolve, reject) => {
    const inner = connectTls({ socket, servername, ca, ...options }, () => {
      inner.off('error', reject);
      resolve(inner);
    });
    inner.on('error', reject);
  });
}

/** One request on a connection that stands, which stays open for the next one. */
export function requestOn(
  connection: Duplex,
  path: string,
  headers: Record<string, string>,
  options: { readonly method?: string; readonly body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      createConnection: () => connection as Socket,
      path,
      method: options.method ?? 'GET',
      headers: { Connection: 'keep-alive', ...headers },
      setHost: false,
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => readAnswer(incoming).then(resolve, reject));
    connection.resume();
    outgoing.end(options.body);
  });
}

export const basic = (token: string): string => `Basic ${Buffer.from(`run:${token}`).toString('base64')}`;
