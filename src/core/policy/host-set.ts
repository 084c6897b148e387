/** Hosts that something is kept to: "host", "host:port", "*.host" for every name below it, "*" for all. */
import { parseAddress } from './address.ts';
import { formatHostPort } from './hosts.ts';

const WILD = '*.';

/** "api.eu.example" → "eu.example", "example": what a wildcard may name. None for an address. */
export function* namesAbove(host: string): Generator<string> {
  if (host.includes(':') || parseAddress(host) !== undefined) return;
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) yield host.slice(dot + 1);
}

export const isWild = (host: string): boolean => host.startsWith(WILD);
/** "*.eu.example" → "eu.example". */
export const belowWhat = (host: string): string => host.slice(WILD.length);

export interface HostSet {
  /** An entry without a port stands for every port. */
  has(host: string, port: number | undefined): boolean;
}

/** Of entries in the one form of hosts.ts. */
export function hostSet(entries: readonly string[]): HostSet {
  const listed = new Set(entries);
  if (listed.has('*')) return { has: () => true };
  const wild = entries.some(isWild);
  const either = (host: string, port: number | undefined): boolean =>
    listed.has(host) || listed.has(formatHostPort(host)) || listed.has(formatHostPort(host, port));
  return {
    has(host, port) {
      if (either(host, port)) return true;
      if (!wild) return false;
      for (const above of namesAbove(host)) if (either(WILD + above, port)) return true;
      return false;
    },
  };
}
