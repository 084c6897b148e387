/** The token: as it was given, or in exchange for the two halves of an AppRole; fetched once, then kept in memory. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { providerError } from '../provider.ts';
import { kvRequest } from './kv-http.ts';
import type { KvPlace } from './kv-place.ts';

export interface LoginOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly secret: (name: string) => Promise<Buffer | undefined>;
}

export interface Login {
  token(): Promise<string>;
  /** It was refused, or is not needed any more. */
  forget(): void;
}

export function createLogin(place: KvPlace, { env, home, secret }: LoginOptions): Login {
  let held: Promise<string> | undefined;

  async function fromAlias(name: string): Promise<string | undefined> {
    const value = await secret(name);
    const text = value?.toString('utf8').trim();
    value?.fill(0);
    return text === '' ? undefined : text;
  }

  async function ownToken(): Promise<string> {
    const openbao = place.uri.startsWith('openbao:');
    const token =
      (await fromAlias('token')) ??
      (openbao ? env.BAO_TOKEN : undefined) ??
      env.VAULT_TOKEN ??
      tokenFile(home);
    if (token !== undefined && token !== '') return checked(token);
    throw providerError(
      'provider_locked',
      `there is no token for ${place.server.host}`,
      'log in (vault login, bao login), or set VAULT_TOKEN',
    );
  }

  async function appRole(): Promise<string> {
    const role = (await fromAlias('role_id')) ?? env.VAULT_ROLE_ID;
    const id = (await fromAlias('secret_id')) ?? env.VAULT_SECRET_ID;
    if (role === undefined)
      throw providerError(
        'provider_locked',
        'there is no role to log in with',
        'set VAULT_ROLE_ID and VAULT_SECRET_ID',
      );
    const reply = await kvRequest(place.server, 'POST', `/v1/auth/${place.authMount}/login`, {
      body: { role_id: role, ...(id === undefined ? {} : { secret_id: id }) },
    });
    const token = clientToken(reply.body);
    if (reply.status === 200 && token !== undefined) return checked(token);
    throw providerError(
      'provider_denied',
      `${place.server.host} does not accept this role (status ${reply.status})`,
      'is the secret id still good? They are often for one use',
    );
  }

  return {
    token() {
      held ??= place.auth === 'approle' ? appRole() : ownToken();
      return held.catch((error: unknown) => {
        held = undefined;
        throw error;
      });
    },
    forget() {
      held = undefined;
    },
  };
}

/** It goes into a header: a line break in it would be another one. */
function checked(token: string): string {
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token;
  throw providerError(
    'provider_misconfigured',
    'the token holds what no token holds',
    'look at how it was set',
  );
}

function clientToken(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('auth' in body)) return undefined;
  const { auth } = body;
  if (typeof auth !== 'object' || auth === null || !('client_token' in auth)) return undefined;
  return typeof auth.client_token === 'string' ? auth.client_token : undefined;
}

function tokenFile(home: string): string | undefined {
  try {
    return readFileSync(join(home, '.vault-token'), 'utf8').trim();
  } catch {
    // Whoever never logged in has none.
    return undefined;
  }
}
