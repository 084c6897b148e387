/**
 * Bytes that pass unread, from a program to a host that the policy lets through: between the two sockets there is no
 * copy of ours. Only addresses that were checked are connected to.
 */
import { connect, isIPv4, type Socket } from 'node:net';
import { type Failure, upstreamFailure } from './failure.ts';
import { UNCHECKED_ADDRESS } from './upstream.ts';

export interface TunnelEnd {
  /** Undefined: both sides ended as they should, or one of them closed. */
  readonly failure: Failure | undefined;
  /** Which side was first. */
  readonly by: 'client' | 'upstream' | 'broker';
  /** Sent on by the program, and by the upstream. */
  readonly sent: number;
  readonly received: number;
}

export interface Tunnel {
  /** Ends it as this failure, unless it has ended. */
  fail(failure: Failure): void;
  /** From now on a tunnel that is silent for this long ends. */
  hurry(idleMs: number): void;
}

export const IDLE: Failure = {
  status: 'timeout',
  kind: 'tunnel_idle',
  text: 'nothing passed in either direction for too long',
};

export const TUNNELS_FULL: Failure = {
  status: 'error',
  kind: 'too_many_tunnels',
  text: 'too many tunnels and WebSockets are open at once; try again when some have ended',
};

function unchecked(): Error {
  return Object.assign(new Error('an address that was not checked'), { code: UNCHECKED_ADDRESS });
}

/** Rejects with what can be told. `signal` gives it up. */
export function dial(
  host: string,
  port: number,
  addresses: readonly string[],
  ms: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      allowHalfOpen: true,
      autoSelectFamily: true,
      noDelay: true,
      keepAlive: true,
      lookup: (_host, wanted, answer) => {
        const all = addresses.map((address) => ({ address, family: isIPv4(address) ? 4 : 6 }));
        const [first] = all;
        if (wanted.all === true) answer(null, all);
        else if (first !== undefined) answer(null, first.address, first.family);
        else answer(unchecked(), '', 4);
      },
    });
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(new Error('given up'));
    const timer = setTimeout(() => fail(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })), ms);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      const { remoteAddress } = socket;
      if (remoteAddress === undefined || !addresses.includes(remoteAddress)) return fail(unchecked());
      // An error that nobody listens for would end the process, and who takes it on comes a moment later.
      socket.off('error', fail).on('error', () => undefined);
      resolve(socket);
    });
  });
}

export interface TunnelOptions {
  readonly host: string;
  readonly idleMs: number;
  /** Once one side has ended. */
  readonly halfOpenMs: number;
  /** Looks through what the upstream sends before it goes on; a failure ends the tunnel. */
  readonly inspect?: ((chunk: Buffer) => Failure | undefined) | undefined;
  readonly onEnd: (end: TunnelEnd) => void;
}

/** Both are connected and nothing has been read of them but `head`. `onEnd` is called once. */
export function tunnel(client: Socket, upstream: Socket, head: Buffer, options: TunnelOptions): Tunnel {
  const written = client.bytesWritten;
  const already = upstream.bytesWritten;
  let over = false;

  function finish(by: TunnelEnd['by'], failure: Failure | undefined): void {
    if (over) return;
    over = true;
    const sent = upstream.bytesWritten - already;
    const received = client.bytesWritten - written;
    if (failure !== undefined) {
      client.destroy();
      upstream.destroy();
    } else {
      client.destroySoon();
      upstream.destroySoon();
    }
    options.onEnd({ failure, by, sent, received });
  }

  // Each direction ends by itself: some protocols say all that they have to say, close, and then read on.
  let open = 2;
  let first: TunnelEnd['by'] | undefined;
  const ended = (by: TunnelEnd['by']) => (): void => {
    first ??= by;
    if (--open === 0) finish(first, undefined);
    else upstream.setTimeout(Math.min(options.idleMs, options.halfOpenMs));
  };
  client.once('end', ended('client'));
  upstream.once('end', ended('upstream'));
  client.once('close', () => finish(first ?? 'client', undefined));
  upstream.once('close', () => finish(first ?? 'upstream', undefined));
  client.on('error', () => finish('client', undefined));
  upstream.on('error', (error) => finish('upstream', upstreamFailure(error, options.host)));
  // Every byte of both directions passes this one.
  upstream.setTimeout(options.idleMs, () => finish(first ?? 'broker', open === 2 ? IDLE : undefined));

  if (head.length > 0) upstream.write(head);
  const { inspect } = options;
  if (inspect !== undefined)
    upstream.on('data', (chunk: Buffer) => {
      const failure = inspect(chunk);
      if (failure !== undefined) finish('broker', failure);
    });
  client.pipe(upstream);
  upstream.pipe(client);
  return {
    fail: (failure) => finish('broker', failure),
    hurry: (idleMs) => upstream.setTimeout(idleMs),
  };
}
