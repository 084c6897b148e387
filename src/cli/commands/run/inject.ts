/**
 * Secrets for the command of a run: asked for once, on record before they are fetched, put into its environment or into
 * files of its own, and taken out of what it prints to a pipe or a file.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withAncestry } from '../../../capture/agent/who.ts';
import { accessed, type Served } from '../../../capture/secrets/access.ts';
import {
  type ProfileState,
  resolveProfile,
  visibleSecrets,
  wipeProfile,
} from '../../../capture/secrets/profile.ts';
import { providerError } from '../../../capture/secrets/provider.ts';
import { type Resolved, resolveSecret } from '../../../capture/secrets/resolve.ts';
import { TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Matcher } from '../../../core/redact/matcher.ts';
import { createSecrets } from '../../../core/redact/secrets.ts';
import type { Ask, Client } from '../../../recorder/ops.ts';
import type { Context } from '../../context.ts';
import { type AccessOptions, openContextSecrets, providerOf, wantedBy } from '../../secrets.ts';
import { type ChildEnd, exitCodeOf } from './child.ts';

export interface InjectOptions extends AccessOptions {
  readonly scope?: string;
  /** The machine's own, or of the manifest; absent: all of the manifest's profile. */
  readonly keys?: readonly string[];
  readonly mask?: boolean;
}

/** What the command gets. */
export interface Given {
  readonly env: Readonly<Record<string, string>>;
  readonly mask?: Matcher;
}

export interface Injection {
  readonly client: Client;
  readonly opened: Awaited<ReturnType<typeof openContextSecrets>>;
  /** Runs `body` with the secrets as one access, through the log that `ask` leads to; undefined: without a record. */
  use<T extends { readonly end: ChildEnd }>(
    run: { readonly ask: Ask | undefined; readonly command: string; readonly token?: string },
    body: (given: Given) => Promise<T>,
  ): Promise<T>;
}

type Found = readonly { readonly name: string; readonly resolved: Resolved }[];

/** Throws what is wrong with the manifest or with what was asked for; nothing is recorded or fetched yet. */
export async function prepareInjection(context: Context, options: InjectOptions): Promise<Injection> {
  const opened = await openContextSecrets(context, options);
  const { manifest, profile = 'default', providers, door } = opened;
  const provider = providerOf(context, options);
  if (options.keys === undefined && manifest === undefined)
    throw new TallyError('NOT_FOUND', 'there is no secretspec.toml here or above', {
      hint: 'name the manifest with --file, or single secrets of this machine: tally run --env-inject KEY -- COMMAND',
      details: { kind: 'manifest_missing' },
    });
  const keys =
    options.keys ??
    (manifest === undefined ? [] : visibleSecrets(manifest, profile, options.scope).map(({ name }) => name));

  async function fetched(): Promise<Found> {
    if (options.keys === undefined && manifest !== undefined)
      return complete(
        await resolveProfile(manifest, profile, providers, { provider, scope: options.scope }),
        profile,
      );
    const found: { name: string; resolved: Resolved }[] = [];
    for (const name of keys) {
      // Of the project where it declares one, else the machine's own.
      const declares = manifest?.profiles.get(profile)?.secrets.has(name) === true;
      const resolved = await resolveSecret(declares ? manifest : undefined, profile, name, providers, {
        provider,
      });
      if (resolved.value === undefined) throw missingError([name], profile);
      found.push({ name, resolved });
    }
    return found;
  }

  return {
    client: withAncestry(await context.client('secrets'), process.ppid),
    opened,
    async use({ ask, command, token }, body) {
      const wanted = {
        operation: 'run',
        keys,
        command,
        ...wantedBy(context, opened, options),
        runToken: token,
      } as const;
      const through = { ...door, open: async () => (ask === undefined ? undefined : { ask }) };
      return accessed(through, wanted, async () => {
        const found = await fetched();
        const files = filesFor(context, found);
        try {
          const given = handOver(context, found, files?.directory, options);
          const result = await body(given);
          const started = result.end.kind !== 'unstartable';
          return { result, found: started ? 'started' : 'error', ...toldOf(result.end, found) };
        } finally {
          for (const { resolved } of found) resolved.value?.fill(0);
          files?.remove();
        }
      });
    },
  };
}

function complete(state: ProfileState, profile: string): Found {
  const { secrets, missing, groups } = state;
  try {
    for (const found of secrets) if ('failure' in found) throw found.failure;
    if (missing.length > 0) throw missingError(missing, profile);
    const [broken] = groups;
    if (broken !== undefined)
      throw new TallyError('SECRET_NOT_FOUND', `the group ${broken.group} is not kept: ${broken.what}`, {
        hint: 'tally secrets check shows all of them',
      });
  } catch (error) {
    wipeProfile(state);
    throw error;
  }
  return secrets.flatMap((found) =>
    'resolved' in found && found.resolved.value !== undefined
      ? [{ name: found.secret.name, resolved: found.resolved }]
      : [],
  );
}

function missingError(names: readonly string[], profile: string): TallyError {
  return new TallyError(
    'SECRET_NOT_FOUND',
    `${names.join(', ')} ${names.length === 1 ? 'has' : 'have'} no value in profile ${profile}, so nothing was started`,
    { hint: 'tally secrets check asks for what is missing' },
  );
}

/** A directory of its own, readable for nobody else and gone with the command. */
function filesFor({ paths }: Context, found: Found) {
  if (!found.some(({ resolved }) => resolved.asPath)) return undefined;
  const directory = mkdtempSync(join(paths.runtime, 'secrets-'));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

function handOver(
  context: Context,
  found: Found,
  directory: string | undefined,
  { mask }: InjectOptions,
): Given {
  const env: Record<string, string> = {};
  const known = createSecrets();
  const short: string[] = [];
  for (const { name, resolved } of found) {
    const { value, asPath } = resolved;
    if (value === undefined) continue;
    // A default stands in the manifest: it is no secret.
    if (resolved.found !== 'default' && !known.set(name, value.toString('utf8'))) short.push(name);
    env[name] = asPath && directory !== undefined ? fileOf(directory, name, value) : textOf(name, value);
  }
  if (mask === false) return { env };
  if (short.length > 0)
    context.warn(
      `${short.join(', ')}: shorter than ${LIMITS.secretMinBytes} bytes, so not taken out of what the command prints`,
    );
  return { env, mask: known.plain() };
}

function fileOf(directory: string, name: string, value: Buffer): string {
  const path = join(directory, name);
  writeFileSync(path, value, { mode: 0o600, flag: 'wx' });
  return path;
}

/** The system ends a variable at the first NUL byte, and Node hands it UTF-8: anything else would arrive as another value. */
function textOf(name: string, value: Buffer): string {
  const text = value.toString('utf8');
  if (!value.includes(0) && Buffer.from(text).equals(value)) return text;
  throw providerError(
    'value_invalid',
    `the value of ${name} cannot stand in an environment: it is not UTF-8, or has a NUL byte in it`,
    'declare it with as_path = true: the program then gets the path of a file with it',
  );
}

function toldOf(end: ChildEnd, found: Found): Pick<Served<unknown>, 'outcome' | 'metadata'> {
  const served = found.map(({ name, resolved }) => ({
    key: name,
    from: resolved.provider ?? resolved.found,
  }));
  const metadata = { served: served.slice(0, MOST_TOLD) };
  switch (end.kind) {
    case 'exit':
      return {
        outcome:
          end.code === 0
            ? { status: 'ok', exit_code: 0 }
            : { status: 'error', error_kind: 'command_failed', exit_code: end.code },
        metadata,
      };
    case 'signal':
      return { outcome: { status: 'aborted', error_kind: 'command_failed', signal: end.signal }, metadata };
    case 'unstartable': {
      const error_kind = end.code === 127 ? 'command_not_found' : 'command_not_executable';
      return { outcome: { status: 'error', error_kind, exit_code: exitCodeOf(end) }, metadata };
    }
  }
}

/** Metadata of an entry is bounded. */
const MOST_TOLD = 64;
