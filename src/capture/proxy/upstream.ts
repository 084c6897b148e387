/**
 * Connections to upstreams. One lane is one undici Client: one connection, one request at a time, so that what is
 * recorded about the peer (address, TLS version, certificate) is read from the very socket that carried the call.
 *
 * A lane connects only to addresses that were checked for the call it is used by, and an idle one is used again only
 * when its address is among those. TLS is verified whatever the environment says (NODE_TLS_REJECT_UNAUTHORIZED), and
 * sessions are not resumed, so each connection shows its certificate. Names of proxies in the environment are not read.
 */
import { isIPv4 } from 'node:net';
import { createSecureContext, getCACertificates, type SecureContext, TLSSocket } from 'node:tls';
import { buildConnector, Client, type Dispatcher } from 'undici';
import { LIMITS } from '../../core/limits.ts';

export interface Peer {
  readonly address: string;
  readonly tls?: { readonly version: string; readonly fingerprint256: string };
}

export interface Lane {
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void;
  /** Of the connection that the current request went out on; undefined before there is one. */
  peer(): Peer | undefined;
  /** The connection of the current request broke. */
  wasReset(): boolean;
  /** For the next call. The response has ended. */
  release(): void;
  /** Fails the current request, if any, and closes the connection. */
  destroy(): void;
}

export interface Upstreams {
  /**
   * `ca`: PEM certificates that this connection trusts besides; a lane is used again only with the same ones.
   * `addresses` were checked for this call. `origin` names the host: for TLS, and in the Host header.
   */
  take(origin: string, addresses: readonly string[], ca?: string): Lane;
  readonly counts: () => { readonly open: number; readonly idle: number };
  close(): Promise<void>;
}

export interface UpstreamOptions {
  /** PEM certificates that are trusted besides the usual ones. */
  readonly extraCa?: readonly string[];
  readonly connectMs: number;
  readonly headersMs: number;
  readonly idleMs: number;
}

export const UNCHECKED_ADDRESS = 'TALLY_UNCHECKED_ADDRESS';

/** Thrown away connection: the socket went somewhere that was not checked. Should be impossible. */
function uncheckedAddress(): Error {
  return Object.assign(new Error('connected to an address that was not checked'), {
    code: UNCHECKED_ADDRESS,
  });
}

/**
 * Those of Node, NODE_EXTRA_CA_CERTS among them, and those of the system, for which Node reads SSL_CERT_FILE and
 * SSL_CERT_DIR: what other programs of this machine take for good is good here. Read once a process.
 */
function usualRoots(): readonly string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}

function peerOf(socket: unknown, address: string): Peer {
  if (!(socket instanceof TLSSocket)) return { address };
  const version = socket.getProtocol();
  const certificate = socket.getPeerX509Certificate();
  if (version === null || certificate === undefined) return { address };
  return {
    address,
    tls: { version, fingerprint256: certificate.fingerprint256.replaceAll(':', '').toLowerCase() },
  };
}

interface Slot {
  readonly origin: string;
  readonly ca: string | undefined;
  readonly lane: Lane;
  readonly client: Client;
  use(addresses: readonly string[]): void;
  address(): string | undefined;
}

export function createUpstreams(options: UpstreamOptions): Upstreams {
  const slots = new Set<Slot>();
  /** All idle ones, longest idle first; and those of each origin, of which the newest is used first. */
  const idle = new Set<Slot>();
  const idleOf = new Map<string, Slot[]>();
  /** By what is trusted besides. Building one takes milliseconds. */
  const contexts = new Map<string, SecureContext>();

  function contextFor(ca: string | undefined): SecureContext {
    const more = [...(options.extraCa ?? []), ...(ca === undefined ? [] : [ca])];
    const key = more.join('\n');
    let context = contexts.get(key);
    if (context !== undefined) return context;
    context = createSecureContext({ ca: [...usualRoots(), ...more] });
    if (contexts.size >= LIMITS.privateRoots) contexts.delete(contexts.keys().next().value ?? '');
    contexts.set(key, context);
    return context;
  }

  function noLongerIdle(slot: Slot): void {
    if (!idle.delete(slot)) return;
    const list = idleOf.get(slot.origin) ?? [];
    list.splice(list.lastIndexOf(slot), 1);
    if (list.length === 0) idleOf.delete(slot.origin);
  }

  function nowIdle(slot: Slot): void {
    idle.add(slot);
    const list = idleOf.get(slot.origin);
    if (list === undefined) idleOf.set(slot.origin, [slot]);
    else list.push(slot);
    if (idle.size <= LIMITS.idleUpstreams) return;
    const [oldest] = idle;
    oldest?.lane.destroy();
  }

  function open(origin: string, ca: string | undefined): Slot {
    // The first one reads all roots, which a call without TLS need not wait for.
    const secureContext = origin.startsWith('https:') ? contextFor(ca) : undefined;
    let allowed: readonly string[] = [];
    let peer: Peer | undefined;
    let broken = false;
    const connect = buildConnector({
      timeout: options.connectMs,
      allowH2: false,
      maxCachedSessions: 0,
      rejectUnauthorized: true,
      autoSelectFamily: true,
      ...(secureContext === undefined ? {} : { secureContext }),
      lookup: (_host, wanted, answer) => {
        const all = allowed.map((address) => ({ address, family: isIPv4(address) ? 4 : 6 }));
        const first = all[0];
        if (wanted.all === true) answer(null, all);
        else if (first !== undefined) answer(null, first.address, first.family);
        else answer(uncheckedAddress(), '', 4);
      },
    });
    const client = new Client(origin, {
      connect(target, done) {
        peer = undefined;
        connect(target, (...[error, socket]) => {
          if (error !== null) return done(error, null);
          const address = socket.remoteAddress;
          if (address === undefined || !allowed.includes(address)) {
            socket.destroy();
            return done(uncheckedAddress(), null);
          }
          peer = peerOf(socket, address);
          broken = false;
          // Before the client listens, which may take it for the end of an answer.
          socket.on('error', () => {
            broken = true;
          });
          done(null, socket);
        });
      },
      pipelining: 1,
      maxHeaderSize: LIMITS.responseHeaderBytes,
      headersTimeout: options.headersMs,
      bodyTimeout: options.idleMs,
      keepAliveTimeout: LIMITS.idleUpstreamMs,
      keepAliveMaxTimeout: LIMITS.idleUpstreamMaxMs,
    });

    function drop(): void {
      slots.delete(slot);
      noLongerIdle(slot);
      // Resolves when the socket is closed; nobody waits for that here, and it never rejects.
      void client.destroy();
    }
    client.on('disconnect', () => {
      peer = undefined;
      if (idle.has(slot)) drop();
    });

    const lane: Lane = {
      dispatch(request, handler) {
        client.dispatch(request, handler);
      },
      peer: () => peer,
      wasReset: () => broken,
      release() {
        // The upstream may have closed it together with the response.
        if (peer === undefined) drop();
        else nowIdle(slot);
      },
      destroy: drop,
    };
    const slot: Slot = {
      origin,
      ca,
      lane,
      client,
      use(addresses) {
        allowed = addresses;
      },
      address: () => peer?.address,
    };
    slots.add(slot);
    return slot;
  }

  return {
    take(origin, addresses, ca) {
      const found = idleOf
        .get(origin)
        ?.findLast((slot) => slot.ca === ca && addresses.includes(slot.address() ?? ''));
      const slot = found ?? open(origin, ca);
      noLongerIdle(slot);
      slot.use(addresses);
      return slot.lane;
    },
    counts: () => ({ open: slots.size, idle: idle.size }),
    async close() {
      const clients = [...slots].map(({ client }) => client);
      slots.clear();
      idle.clear();
      idleOf.clear();
      await Promise.all(clients.map((client) => client.destroy()));
    },
  };
}
