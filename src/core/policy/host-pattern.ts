/** Hosts as the policy file names them: one host, or "*.example.com" for every name below one. */
import { parseAddress } from './address.ts';
import { type HostPort, type HostProblem, parseHostPort, shown } from './hosts.ts';

const WILD = '*.';

/** The name below which everything is meant; two labels at least, or it would be half of the Internet. */
function checkBase(text: string, host: string): HostProblem | undefined {
  if (parseAddress(host) !== undefined)
    return { problem: `${shown(text)} has a wildcard before an address`, hint: 'name each address' };
  if (host.includes('.')) return undefined;
  return {
    problem: `${shown(text)} would allow too much`,
    hint: 'two labels at least have to follow: "*.example.com"',
  };
}

/** As `parseHostPort`, and "*." may stand before a name. */
export function parseHostPattern(text: string): HostPort | HostProblem {
  const wild = text.startsWith(WILD);
  const rest = wild ? text.slice(WILD.length) : text;
  if (rest.includes('*'))
    return {
      problem: `a wildcard stands for whole labels at the beginning, and ${shown(text)} has another one`,
      hint: '"*.example.com" stands for every name below example.com, not for itself',
    };
  const parsed = parseHostPort(rest);
  if (!wild || 'problem' in parsed) return parsed;
  return checkBase(text, parsed.host) ?? { ...parsed, host: `${WILD}${parsed.host}` };
}
