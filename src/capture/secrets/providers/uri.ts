/**
 * Addresses of providers: a name, `name:rest` or `name://rest`. What stands in one is never quoted in an error, since
 * people put passwords there; what is recorded is built anew from the parts that were understood.
 */
import { providerError } from '../provider.ts';

export interface ProviderAddress {
  readonly scheme: string;
  /** `user` of user@host: an account, or a namespace. Never with a password. */
  readonly user: string | undefined;
  readonly host: string;
  /** After the host, without its slash. */
  readonly path: string;
  /** Everything after the scheme and its slashes, before "?". */
  readonly rest: string;
  readonly query: ReadonlyMap<string, string>;
}

const SCHEME = /^([a-z][a-z0-9+_-]{0,31})(?::(?:\/\/)?|$)/i;
/** What tokens of known services begin with: nobody’s namespace. */
const TOKEN = /^(?:hv[sbr]\.|s\.[A-Za-z0-9]{20,}|b\.AAAA|ops_|gh[pousr]_|sk-|xox)/;

function broken(scheme: string, what: string, hint: string): Error {
  return providerError('provider_misconfigured', `the address of the provider "${scheme}" ${what}`, hint);
}

export function schemeOf(spec: string): string | undefined {
  return SCHEME.exec(spec)?.[1]?.toLowerCase();
}

/** Throws `provider_misconfigured`. `known`: members of the query that this provider reads. */
export function parseAddress(spec: string, known: readonly string[]): ProviderAddress {
  const match = SCHEME.exec(spec);
  if (match === null || spec.length > 2_048 || hasControl(spec))
    throw providerError(
      'provider_unknown',
      'that is no provider',
      'name one, for example "keyring" or "dotenv:.env"',
    );
  const scheme = (match[1] ?? '').toLowerCase();
  const after = spec.slice(match[0].length);
  const [rest = '', search = ''] = split(after, '?');
  const at = rest.split('/', 1)[0]?.lastIndexOf('@') ?? -1;
  const user = at === -1 ? undefined : rest.slice(0, at);
  if (user !== undefined && (user.includes(':') || TOKEN.test(user)))
    throw broken(
      scheme,
      'holds a password or a token',
      'take it out; tokens come from the environment or from another provider',
    );
  const [host = '', path = ''] = split(rest.slice(at + 1), '/');
  const query = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(search)) {
    if (!known.includes(name))
      throw broken(
        scheme,
        'has a setting that is not known',
        known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`,
      );
    query.set(name, value);
  }
  return { scheme, user, host, path, rest, query };
}

function split(text: string, by: string): readonly [string, string] {
  const at = text.indexOf(by);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** For providers that read nothing but their name. */
export function requireBare(address: ProviderAddress): void {
  if (address.rest !== '')
    throw broken(address.scheme, 'has more than its name', `write ${address.scheme}://`);
}

/** Characters that no name has, and that do harm in files, headers and on terminals. */
export function hasControl(text: string): boolean {
  return [...text].some((character) => character < ' ' || character === '\x7f');
}
