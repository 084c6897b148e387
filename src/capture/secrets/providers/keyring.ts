/**
 * The keyring of the operating system: Secret Service (GNOME Keyring, KWallet), the macOS keychain, Windows’ credentials.
 * Entries lie where the published program keeps them, so both find the same. The client is native code and optional: it
 * is loaded when a keyring is asked for.
 *
 * On Linux the client would fall back to the kernel’s session keyring, which forgets everything at logout. A secret
 * that was said to be stored must not vanish, so the Secret Service is required.
 */
import { userInfo } from 'node:os';
import type { AsyncEntry } from '@napi-rs/keyring';
import { LIMITS } from '../../../core/limits.ts';
import { type Provider, providerError, type Ref, requireSize, type Where } from '../provider.ts';
import { fillTemplate } from '../route.ts';
import { parseAddress } from './uri.ts';

type Client = typeof import('@napi-rs/keyring');

const CONVENTION = 'secretspec/{project}/{profile}/{key}';
/** Of the machine’s own, which belong to no project. */
const OWN = 'tallystick/{key}';

async function loadClient(): Promise<Client> {
  try {
    return await import('@napi-rs/keyring');
  } catch (error) {
    throw providerError(
      'provider_unavailable',
      'the client of the OS keyring is not installed for this platform',
      'npm install @napi-rs/keyring, or keep secrets in the local vault: --provider tally',
      error,
    );
  }
}

/** Rejects after a while: a locked keyring may wait for a person who is not there. */
async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          providerError(
            'provider_timeout',
            `the OS keyring did not answer within ${LIMITS.keyringMs / 1000} s`,
            'unlock it (it may be asking on the desktop), then try again',
          ),
        ),
      LIMITS.keyringMs,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The client’s words name no values; they are kept as the cause and told in ours. */
function failed(error: unknown): Error {
  if (error instanceof Error && error.name === 'TallyError') return error;
  const text = error instanceof Error ? error.message : String(error);
  if (/locked|dismissed|prompt/i.test(text))
    return providerError('provider_locked', 'the OS keyring is locked', 'unlock it, then try again', error);
  if (/ambiguous/i.test(text))
    return providerError(
      'provider_failed',
      'the OS keyring has several entries of that name',
      'remove all but one in the keyring’s own program',
      error,
    );
  return providerError(
    'provider_unavailable',
    'no OS keyring answers here',
    'start one (gnome-keyring-daemon, KWallet) in this session, or keep secrets in the local vault: --provider tally',
    error,
  );
}

export interface KeyringEntry {
  get(): Promise<Buffer | undefined>;
  set(value: Uint8Array): Promise<void>;
  delete(): Promise<boolean>;
}

/** One entry of the keyring; the client is loaded with the first use. */
export function keyringEntry(service: string, account: string): KeyringEntry {
  async function use<T>(work: (entry: AsyncEntry) => Promise<T>): Promise<T> {
    const client = await loadClient();
    try {
      const options = { linux: { store: 'secret-service' as const } };
      return await within(work(new client.AsyncEntry(service, account, options)));
    } catch (error) {
      throw failed(error);
    }
  }
  return {
    async get() {
      const found = await use((entry) => entry.getSecret());
      return found === null || found === undefined ? undefined : Buffer.from(found);
    },
    set: (value) => use((entry) => entry.setSecret(value)),
    delete: (): Promise<boolean> => use((entry) => entry.deleteCredential()),
  };
}

export function keyringProvider(spec: string, where: Where | undefined): Provider {
  const { rest } = parseAddress(spec, []);
  const template = rest === '' ? (where === undefined ? OWN : CONVENTION) : rest;
  const place = (name: string, ref: Ref | undefined): { service: string; account: string } => {
    if (ref?.vault !== undefined || ref?.section !== undefined || ref?.version !== undefined)
      throw providerError(
        'ref_unsupported',
        'an entry of the keyring has a service and an account, nothing else',
        'ref = { item = "service", field = "account" }',
      );
    const values = { project: where?.project ?? '', profile: where?.profile ?? '', key: name };
    return {
      service: ref?.item ?? fillTemplate(template, values),
      account: ref?.field ?? userInfo().username,
    };
  };
  const entry = (name: string, ref: Ref | undefined): KeyringEntry => {
    const { service, account } = place(name, ref);
    return keyringEntry(service, account);
  };
  return {
    uri: rest === '' ? 'keyring://' : `keyring://${rest}`,
    address(name, ref) {
      const { service, account } = place(name, ref);
      return `the OS keyring, service ${service}, account ${account}`;
    },
    get: (name, ref) => entry(name, ref).get(),
    async set(name, value, ref) {
      requireSize(value, name);
      await entry(name, ref).set(value);
      return undefined;
    },
    delete: (name, ref) => entry(name, ref).delete(),
  };
}
