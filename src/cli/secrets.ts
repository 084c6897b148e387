/** How commands get at secrets: options that they share, and the door with its record. */
import { homedir } from 'node:os';
import type { Command } from 'commander';
import { withAncestry } from '../capture/agent/who.ts';
import type { Wanted } from '../capture/secrets/access.ts';
import { machineConfig } from '../open/machine.ts';
import { type OpenedSecrets, openSecrets } from '../open/secrets.ts';
import type { Context } from './context.ts';

export interface AccessOptions {
  readonly file?: string;
  readonly profile?: string;
  readonly provider?: string;
  readonly reason?: string;
  /** The machine's own secrets, whatever manifest is here. */
  readonly global?: boolean;
}

export function accessOptions(command: Command): Command {
  return command
    .option('-f, --file <path>', 'the manifest; else secretspec.toml here or above')
    .option('-P, --profile <name>', 'of the manifest; else TALLY_PROFILE, else "default"')
    .option('-p, --provider <name>', 'look here, whatever the manifest and the configuration say')
    .option('--reason <text>', 'what it is for; recorded. Else TALLY_REASON');
}

/**
 * Opens neither the log nor a store yet. The caller closes it. `operator`: false where nothing is asked that is the
 * operator's, so that nothing is loaded to ask as one.
 */
export async function openContextSecrets(
  context: Context,
  options: AccessOptions,
  { operator = true }: { readonly operator?: boolean } = {},
): Promise<OpenedSecrets> {
  const { secrets = {}, auditSecrets } = await machineConfig(context.paths.configFile);
  const client = withAncestry(await context.client('secrets', { operator }), process.ppid);
  return openSecrets({
    paths: context.paths,
    env: context.env,
    home: homedir(),
    directory: process.cwd(),
    file: options.file,
    global: options.global === true,
    profile: options.profile,
    client,
    setting: secrets,
    audited: auditSecrets !== false,
    openSession: () => context.openSession({ client, brief: true }),
    warn: context.warn,
    now: context.now,
  });
}

/** What every access says of itself. */
export function wantedBy(
  context: Context,
  opened: OpenedSecrets,
  { reason }: AccessOptions,
): Pick<Wanted, 'project' | 'profile' | 'reason' | 'requireReason'> {
  return {
    project: opened.project,
    profile: opened.profile,
    reason: reason ?? given(context.env.TALLY_REASON) ?? given(context.env.SECRETSPEC_REASON),
    requireReason: opened.requireReason,
  };
}

/** `--provider`, else the variables that programs of others set. */
export function providerOf(context: Context, { provider }: AccessOptions): string | undefined {
  return provider ?? given(context.env.TALLY_SECRETS_PROVIDER) ?? given(context.env.SECRETSPEC_PROVIDER);
}

const given = (value: string | undefined): string | undefined =>
  value === undefined || value.trim() === '' ? undefined : value;
