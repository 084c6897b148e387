/**
 * What getting at secrets needs, put together: the project's manifest, the places that keep secrets, and the door that
 * records who asks. For the command line and for programs (`tallystick/secrets`) alike.
 */
import { isAgentClient } from '../capture/agent/who.ts';
import type { Door } from '../capture/secrets/access.ts';
import { findManifest } from '../capture/secrets/manifest/find.ts';
import type { Manifest, RequireReason } from '../capture/secrets/manifest/types.ts';
import type { Providers } from '../capture/secrets/provider.ts';
import { providerSettings } from '../capture/secrets/provider-setting.ts';
import { createProviders } from '../capture/secrets/providers/registry.ts';
import { failureMode, reasonRule } from '../capture/secrets/setting.ts';
import type { SecretsSetting } from '../capture/secrets/setting-shape.ts';
import type { Vault } from '../capture/secrets/vault.ts';
import { TallyError } from '../core/error.ts';
import type { Session } from '../open.ts';
import type { Paths } from '../paths.ts';
import type { Client } from '../recorder/ops.ts';
import { placesOf, remember } from './notes.ts';

export interface SecretsOptions {
  readonly paths: Paths;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** Where the command was called. */
  readonly directory: string;
  /** The manifest; absent: looked for here and above. */
  readonly file?: string | undefined;
  readonly profile?: string | undefined;
  /** The machine's own secrets: no manifest is read. */
  readonly global?: boolean;
  readonly client: Client;
  readonly setting: SecretsSetting;
  /** False: nothing is recorded; only the machine's own configuration says so. */
  readonly audited: boolean;
  readonly openSession: () => Promise<Session>;
  readonly warn: (line: string) => void;
  readonly now: () => number;
}

export interface OpenedSecrets {
  /** Undefined: no project; names are the machine's own. */
  readonly manifest: Manifest | undefined;
  readonly project: string | undefined;
  readonly profile: string | undefined;
  readonly providers: Providers;
  /** The local vault. */
  vault(): Promise<Vault>;
  readonly door: Door;
  readonly requireReason: RequireReason;
  /** False: the machine's configuration says that nothing is recorded. */
  readonly audited: boolean;
  /** Once the door was opened, and only when it could be. */
  session(): Session | undefined;
  close(): Promise<void>;
}

const DEFAULT_PROFILE = 'default';

/** Throws what is wrong with the manifest. Opens neither the log nor a store yet. */
export async function openSecrets(options: SecretsOptions): Promise<OpenedSecrets> {
  const { paths, env, home, directory, setting } = options;
  const manifest = await manifestOf(options);
  const profile =
    manifest === undefined
      ? undefined
      : (options.profile ?? set(env.TALLY_PROFILE) ?? set(env.SECRETSPEC_PROFILE) ?? DEFAULT_PROFILE);
  if (manifest === undefined && options.profile !== undefined)
    throw new TallyError('NOT_FOUND', 'a profile is named, and there is no secretspec.toml here or above', {
      hint: 'name the manifest with --file, or leave the profile out',
      details: { kind: 'manifest_missing' },
    });
  let session: Session | undefined;

  const door: Door = {
    mode: failureMode(setting),
    isAgent: isAgentClient(options.client),
    async open() {
      if (!options.audited) return undefined;
      session ??= await options.openSession();
      return session;
    },
    warn: options.warn,
    missed(what, why) {
      const at = new Date(options.now()).toISOString();
      if (remember(placesOf(paths), { at, surface: 'secrets', what, why })) return;
      options.warn('that it was not recorded cannot be noted anywhere either: the log will not tell of it');
    },
  };

  let own: Vault | undefined;
  const vault = async (): Promise<Vault> => {
    if (session !== undefined) return session.vault;
    own ??= await (await import('./vault.ts')).readyVault(paths, options.warn);
    return own;
  };
  const providers = createProviders({
    ...providerSettings(setting),
    env,
    home,
    directory,
    locks: paths.runtime,
    vault,
  });

  return {
    manifest,
    project: manifest?.project,
    profile,
    providers,
    vault,
    door,
    audited: options.audited,
    requireReason: reasonRule(setting, profile, manifest?.requireReason),
    session: () => session,
    async close() {
      providers.close();
      own?.close();
      await session?.close();
    },
  };
}

const set = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

/** The reader of manifests is loaded only where there is one: most machines' own secrets need none. */
async function manifestOf({ file, env, directory, global }: SecretsOptions): Promise<Manifest | undefined> {
  if (global === true) return undefined;
  const named = file ?? set(env.TALLY_SECRETS_FILE) ?? set(env.SECRETSPEC_FILE);
  const path = named ?? findManifest(directory);
  if (path === undefined) return undefined;
  const { loadManifest } = await import('../capture/secrets/manifest/load.ts');
  return loadManifest(path);
}
