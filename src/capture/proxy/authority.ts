/**
 * The authority of a proxy request, "host:port": parsed once, strictly, as everything that follows (decision, record,
 * certificate, connection) speaks of it. The Host header inside has to say the same.
 */
import { type HostProblem, parseHostPort, shown } from '../../core/policy/hosts.ts';

export interface Authority {
  /** In the one form of core/policy/hosts.ts. */
  readonly host: string;
  readonly port: number;
}

/** Of a CONNECT, which always names a port (RFC 9112 section 3.2.3). */
export function connectAuthority(text: string): Authority | HostProblem {
  const parsed = parseHostPort(text);
  if ('problem' in parsed) return parsed;
  if (parsed.port === undefined) return { problem: `${shown(text)} names no port; CONNECT wants host:port` };
  return { host: parsed.host, port: parsed.port };
}

const DEFAULT_PORT = { http: 80, https: 443 } as const;

/** Whether two authorities of one scheme mean one place, whatever their notation. A malformed one means none. */
export function sameAuthority(scheme: 'http' | 'https', a: string, b: string): boolean {
  if (a === b) return true;
  const [one, other] = [parseHostPort(a), parseHostPort(b)];
  if ('problem' in one || 'problem' in other) return false;
  const port = DEFAULT_PORT[scheme];
  return one.host === other.host && (one.port ?? port) === (other.port ?? port);
}
