/**
 * The server behind the gateway. Its address is checked as a target of the broker's is: https, and no address that leads
 * into this machine or its network unless whoever started the gateway said so. The connection goes to what was checked.
 */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Target } from '../../../core/entry.ts';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import { addressRefusal, classifyAddress, isMetadataHost } from '../../../core/policy/address.ts';
import type { Resolve } from '../../proxy/resolve.ts';
import { parseTarget, recordedTarget, type TargetUrl } from '../../proxy/target.ts';

export interface UpstreamOptions {
  readonly url: string;
  /** http, and only to this machine. */
  readonly http: boolean;
  /** Its addresses may be internal. */
  readonly internal: boolean;
  readonly resolve: Resolve;
}

export interface Upstream {
  /** As every call of its tools has it. */
  readonly target: Target;
  readonly origin: string;
  /** With its query. */
  readonly path: string;
  close(): void;
  /** Throws CALL_FAILED when the name leads nowhere or into a place that was not said. */
  check(): Promise<readonly string[]>;
  send(
    addresses: readonly string[],
    asked: { readonly method: string; readonly path: string; readonly headers: OutgoingHttpHeaders },
  ): { readonly request: ClientRequest; readonly answer: Promise<IncomingMessage> };
}

/** Throws USAGE for what is no address of a server. */
export function openUpstream({ url, http, internal, resolve }: UpstreamOptions): Upstream {
  const target = parseTarget(url, 'the upstream');
  if ('problem' in target)
    throw new TallyError('USAGE', target.problem, { hint: 'tally mcp gateway --upstream https://HOST/PATH' });
  if (target.scheme === 'http' && !http)
    throw new TallyError('USAGE', `${target.origin} is not https`, {
      hint: 'a server on this machine may speak http: --http',
    });
  if (isMetadataHost(target.host)) throw refused(target, 'it is a name of a cloud’s metadata');

  // A connection that is used again went to an address that was checked when it was made.
  const agent =
    target.scheme === 'https' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  return {
    close: () => agent.destroy(),
    target: recordedTarget(target, 'POST'),
    origin: target.origin,
    path: `${target.path}${target.search}`,
    async check() {
      const addresses = await resolve(target.host).catch((cause: unknown) => {
        throw new TallyError('CALL_FAILED', `${target.host} cannot be resolved: ${String(cause)}`, {
          hint: 'is the name right, and is there a network?',
        });
      });
      for (const address of addresses) {
        const { kind } = classifyAddress(address);
        if (target.scheme === 'http') {
          if (kind !== 'loopback')
            throw refused(target, `http goes to this machine only, and ${address} is elsewhere`);
          continue;
        }
        const why = addressRefusal(address, internal);
        if (why !== undefined) throw refused(target, `${address} is ${why}`);
      }
      if (addresses.length === 0) throw refused(target, 'it has no address');
      return addresses;
    },
    send(addresses, { method, path, headers }) {
      const send = target.scheme === 'https' ? httpsRequest : httpRequest;
      const request = send({
        host: target.host,
        port: target.port,
        method,
        path,
        headers,
        lookup: pinned(addresses),
        // Whatever the environment says.
        ...(target.scheme === 'https' ? { rejectUnauthorized: true } : {}),
        agent,
      });
      const late = setTimeout(() => request.destroy(new Error('no connection')), LIMITS.mcpUpstreamConnectMs);
      request.once('socket', (socket) => {
        if (socket.connecting)
          socket.once(target.scheme === 'https' ? 'secureConnect' : 'connect', () => clearTimeout(late));
        else clearTimeout(late);
      });
      request.once('close', () => clearTimeout(late));
      const answer = new Promise<IncomingMessage>((answered, reject) => {
        request.once('response', answered);
        request.once('error', reject);
      });
      return { request, answer };
    },
  };
}

function refused(target: TargetUrl, why: string): TallyError {
  return new TallyError('CALL_FAILED', `${target.origin} is not called: ${why}`, {
    hint: 'a server in this network: --internal; one on this machine over http: --http',
  });
}

/** Answers with the addresses that were checked, whatever the name says by now. */
function pinned(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  return (_host, options, done) => {
    const [first] = all;
    if (options.all === true) done(null, all);
    else done(null, first?.address ?? '', first?.family ?? 4);
  };
}
