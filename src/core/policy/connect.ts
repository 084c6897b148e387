/**
 * What becomes of a CONNECT. One place says it, for the layer that decides on it and for the broker, which has to know
 * whether to end the program's TLS itself.
 *
 *     tunnel names the very host      its bytes pass unread
 *     the allowlist names it          TLS ends in the broker, and every call inside is decided on its own
 *     tunnel names it by a wildcard   its bytes pass unread
 *     unlisted: tunnel, port 443      likewise
 *     otherwise                       stop
 *
 * A wildcard of `tunnel` thus never takes away what a line of the allowlist says of a host. Without a port of their own
 * tunnels go to 443 alone: through others a program could speak anything, mail for one.
 */
import { DEFAULT_PORT, linesFor } from './allowed-lines.ts';
import type { CompiledPolicy, TunnelHost } from './compiled.ts';
import { namesAbove } from './host-set.ts';
import { formatHostPort } from './hosts.ts';
import type { PolicyIndex } from './index-of.ts';

/** What a CONNECT is called in requests and records. */
export const CONNECT_ACTION = 'http.connect';

/** What a decision says in place of a line: the allowlist names the host, and its calls are decided inside. */
export const INTERCEPTED = 'intercept';

export type ConnectWay =
  | { readonly way: 'intercept' }
  /** `line`: of the policy, for the record. */
  | { readonly way: 'tunnel'; readonly internal: boolean; readonly line: string }
  | { readonly way: 'stop' };

const STOP: ConnectWay = { way: 'stop' };
const INTERCEPT: ConnectWay = { way: 'intercept' };

function among(tunnels: readonly TunnelHost[] | undefined, port: number): ConnectWay | undefined {
  const open = tunnels?.filter((one) => (one.port ?? DEFAULT_PORT.https) === port) ?? [];
  const best = open.find(({ internal }) => internal === true) ?? open[0];
  if (best === undefined) return undefined;
  const internal = best.internal === true;
  const line = `tunnel ${formatHostPort(best.host, best.port)}${internal ? ' internal' : ''}`;
  return { way: 'tunnel', internal, line };
}

/** Programs also use CONNECT for http, so a line without a port is for both default ports; the call is judged later. */
function isListed(index: PolicyIndex, host: string, port: number): boolean {
  return linesFor(index, host).some(({ line }) =>
    line.port === undefined ? port === DEFAULT_PORT.https || port === DEFAULT_PORT.http : line.port === port,
  );
}

/** `host` in the one form of hosts.ts. */
export function connectWay(
  policy: CompiledPolicy,
  index: PolicyIndex,
  host: string,
  port: number,
): ConnectWay {
  const own = index.tunnels.size === 0 ? undefined : among(index.tunnels.get(host), port);
  if (own !== undefined) return own;
  if (isListed(index, host, port)) return INTERCEPT;
  if (index.tunnels.size > 0)
    for (const above of namesAbove(host)) {
      const wild = among(index.tunnels.get(`*.${above}`), port);
      if (wild !== undefined) return wild;
    }
  return policy.unlisted === 'tunnel' && port === DEFAULT_PORT.https
    ? { way: 'tunnel', internal: false, line: 'unlisted: tunnel' }
    : STOP;
}
