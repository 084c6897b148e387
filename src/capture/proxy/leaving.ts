/** Requests that take their connection out of HTTP: a CONNECT, and a call that asks for a WebSocket. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { arrivalOf } from './arrival.ts';
import { handleConnect } from './connect.ts';
import type { ConnectDeps } from './connect-deps.ts';
import type { Connections } from './connections.ts';
import type { Listener } from './listener.ts';
import { rawReply } from './raw-reply.ts';
import { BROKER_CLOSING, badRequest } from './reply.ts';
import { asksForWebSocket, responseOn } from './upgrade.ts';

export function createLeaving(options: {
  readonly connects: ConnectDeps;
  readonly connections: Connections;
  /** The broker waits for `work` before it is closed; `cut` ends what it was about, should it reject. */
  readonly track: (work: Promise<void>, cut: () => void) => void;
  /** A request with what followed its head. */
  readonly onCall: (request: IncomingMessage, response: ServerResponse, head: Buffer) => void;
}): Pick<Listener, 'onConnect' | 'onUpgrade' | 'mayUpgrade'> {
  const { connects, connections } = options;

  /**
   * The server reads it no more, so what it met of errors is ours to meet. True: it was asked to become something else
   * while it has still to carry an answer, and two answers on one connection cannot be told apart.
   */
  function isTaken(socket: Duplex): boolean {
    socket.on('error', () => socket.destroy());
    const taken = connections.busy.has(socket);
    if (taken) {
      connects.onStray();
      socket.destroy();
    }
    return taken;
  }

  const mayUpgrade = (request: IncomingMessage): boolean =>
    asksForWebSocket(request) &&
    arrivalOf(request, connections.inside.get(request.socket)?.around).kind === 'forward';

  return {
    mayUpgrade,
    onConnect(request, socket, head) {
      if (isTaken(socket)) return;
      if (connections.inside.has(socket) || !(socket instanceof Socket)) {
        connects.onStray();
        rawReply(socket, badRequest('a CONNECT inside of another one is not supported', 405));
        return;
      }
      if (connects.isClosing()) {
        rawReply(socket, BROKER_CLOSING);
        return;
      }
      options.track(handleConnect(connects, request, socket, head), () => socket.destroy());
    },
    onUpgrade(request, socket, head) {
      if (isTaken(socket)) return;
      // Before Node 24.9 every upgrade comes here, and what has been taken from the server cannot be given back.
      if (!(socket instanceof Socket) || !mayUpgrade(request)) {
        connects.onStray();
        rawReply(socket, badRequest('no other protocol than WebSocket can be asked for'));
        return;
      }
      const response = responseOn(request, socket);
      if (response === undefined) {
        connects.onStray();
        socket.destroySoon();
        return;
      }
      options.onCall(request, response, head);
    },
  };
}
