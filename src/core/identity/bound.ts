/** What an entry or a request says that a token is bound to, read so that what is malformed gives nothing. */
import { LIMITS } from '../limits.ts';
import type { Contract } from '../policy/compiled.ts';

/** Undefined: everything, and only when nothing was said. */
export function readScopes(value: unknown): readonly string[] | undefined {
  return value === undefined ? undefined : namesIn(value, LIMITS.tokenScopes, LIMITS.scopeChars);
}

export function readContract(value: unknown): Contract | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) return { credentials: { allow: [] }, tools: [], hosts: [] };
  const { credentials, tools, hosts } = value;
  return {
    ...(credentials === undefined ? {} : { credentials: readCredentials(credentials) }),
    ...(tools === undefined ? {} : { tools: names(tools) }),
    ...(hosts === undefined ? {} : { hosts: names(hosts) }),
  };
}

function readCredentials(value: unknown): NonNullable<Contract['credentials']> {
  const { allow, deny } = isObject(value) ? value : { allow: [], deny: undefined };
  const denied = deny === undefined ? undefined : names(deny);
  // A list of what is denied that cannot be read denies all.
  const unreadable = denied !== undefined && denied.length !== (Array.isArray(deny) ? deny.length : -1);
  return {
    ...(unreadable ? { allow: [] } : allow === undefined ? {} : { allow: names(allow) }),
    ...(denied === undefined ? {} : { deny: denied }),
  };
}

const names = (value: unknown): readonly string[] => namesIn(value, LIMITS.contractNames, LIMITS.idChars);

/** A list that is longer than any we write is none of ours. */
function namesIn(value: unknown, most: number, chars: number): readonly string[] {
  if (!Array.isArray(value) || value.length > most) return [];
  return value.filter(
    (name): name is string => typeof name === 'string' && name !== '' && name.length <= chars,
  );
}

function isObject(value: unknown): value is { readonly [member: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
