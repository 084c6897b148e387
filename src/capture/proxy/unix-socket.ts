/**
 * The broker on a Unix socket: for programs that have no network of their own (a sandbox, a container that a directory is
 * shared with). The socket is 0600 in a 0700 directory, so whoever can open it is the user that the broker runs as. No web
 * page can reach it, so any loopback name will do for Host.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { loopbackHosts } from '../../core/loopback.ts';
import { makePrivateDirectory } from '../secrets/vault-files.ts';
import { codeOf } from './failure.ts';

const HTTP_PORT = 80;
/** What programs call a host that they reach by a path. */
export const UNIX_HOSTS: ReadonlySet<string> = loopbackHosts(HTTP_PORT);

export interface UnixListener {
  readonly path: string;
  readonly onConnection: (socket: Socket) => void;
  readonly onDrop: () => void;
}

/** Replaces a socket that a dead broker left: the caller holds the writer's lock, so no other one lives. */
export async function listenAt({ path, onConnection, onDrop }: UnixListener): Promise<Server> {
  if (Buffer.byteLength(path) > LIMITS.socketPathBytes)
    throw new TallyError('BAD_CONFIG', `the socket path is longer than ${LIMITS.socketPathBytes} bytes`, {
      hint: 'set XDG_RUNTIME_DIR to a short directory',
    });
  const server = createServer({ allowHalfOpen: true }, onConnection);
  server.maxConnections = LIMITS.clientConnections;
  server.on('drop', onDrop);
  makePrivateDirectory(dirname(path));
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new TallyError('BAD_CONFIG', `the broker cannot listen on ${path} (${codeOf(error)})`, {
          hint: 'set XDG_RUNTIME_DIR to a directory of this user that can hold sockets',
          cause: error,
        }),
      ),
    );
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return server;
}
