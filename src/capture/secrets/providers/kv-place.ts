/** Which server, which engine, and whether whoever named it may. */
import { readFileSync } from 'node:fs';
import { LIMITS } from '../../../core/limits.ts';
import { providerError } from '../provider.ts';
import type { KvServer } from './kv-http.ts';
import { parseAddress } from './uri.ts';

export interface KvPlace {
  readonly uri: string;
  readonly server: KvServer;
  readonly mount: string;
  readonly version: 1 | 2;
  readonly auth: 'token' | 'approle';
  readonly authMount: string;
}

const SETTINGS = ['auth', 'auth_mount', 'kv', 'tls'];
const PORT = 8_200;
const LOOPBACK = /^(?:localhost|::1|127(?:\.\d{1,3}){3})$/;

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly trusted: boolean;
}

function wrong(what: string, hint: string): Error {
  return providerError('provider_misconfigured', what, hint);
}

export function placeOf(spec: string, { env, trusted }: Surroundings): KvPlace {
  const { scheme, user, host: authority, path, query } = parseAddress(spec, SETTINGS);
  const usual = usualServer(scheme === 'openbao' ? (env.BAO_ADDR ?? env.VAULT_ADDR) : env.VAULT_ADDR);
  const named = authority === '' ? undefined : hostAndPort(authority);
  const server = named ?? usual;
  if (server === undefined)
    throw wrong(`${scheme}:// says no server`, `${scheme}://host:8200/mount, or set VAULT_ADDR`);
  const isUsual = usual !== undefined && server.host === usual.host && server.port === usual.port;
  const tls = query.get('tls') === 'false' ? false : isUsual ? usual.tls : true;
  if (!trusted && !isUsual)
    throw providerError(
      'provider_untrusted',
      `only a manifest names ${server.host}:${server.port}, and your token would go there`,
      `if that is your server: export VAULT_ADDR=https://${server.host}:${server.port}, or name it in config.yaml`,
    );
  if (!trusted && !tls && usual?.tls !== false && !LOOPBACK.test(server.host))
    throw providerError(
      'provider_untrusted',
      'a manifest may not have the token sent in clear',
      'take ?tls=false out',
    );
  const version = query.get('kv') ?? '2';
  const auth = query.get('auth') ?? 'token';
  if (version !== '1' && version !== '2') throw wrong('?kv= is 1 or 2', 'leave it out for version 2');
  if (auth !== 'token' && auth !== 'approle')
    throw wrong('?auth= is token or approle', 'leave it out for a token');
  const mount = path.replace(/\/+$/, '') || 'secret';
  if (mount.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw wrong('that is no mount', 'for example vault://host:8200/secret');
  const authMount = query.get('auth_mount') ?? auth;
  if (!/^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/.test(authMount))
    throw wrong('that is no mount of a login', 'auth_mount=approle');
  const namespace = user ?? env.VAULT_NAMESPACE;
  const said = [...query].map(([name, value]) => `${name}=${value}`).join('&');
  return {
    uri: `${scheme}://${user === undefined ? '' : `${user}@`}${show(server)}/${mount}${said === '' ? '' : `?${said}`}`,
    server: {
      ...server,
      tls,
      namespace: namespace === '' ? undefined : namespace,
      ca: certificateOf(env.VAULT_CACERT),
      timeoutMs: LIMITS.providerRequestMs,
    },
    mount,
    version: version === '1' ? 1 : 2,
    auth,
    authMount,
  };
}

interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

function show({ host, port }: HostAndPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function hostAndPort(authority: string): HostAndPort {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i.exec(authority);
  const port = Number(match?.[2] ?? PORT);
  if (match === null || port === 0 || port > 65_535)
    throw wrong('that is no host, or host:port', 'for example vault://vault.example.com:8200/secret');
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, '').toLowerCase(), port };
}

/** From VAULT_ADDR, which names the server that the person works with. */
function usualServer(address: string | undefined): (HostAndPort & { readonly tls: boolean }) | undefined {
  if (address === undefined || address === '') return undefined;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw wrong('VAULT_ADDR is no http or https address', 'for example https://vault.example.com:8200');
  const tls = url.protocol === 'https:';
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port, tls };
}

function certificateOf(path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw providerError(
      'provider_misconfigured',
      'the file that VAULT_CACERT names cannot be read',
      'correct its path',
      error,
    );
  }
}
