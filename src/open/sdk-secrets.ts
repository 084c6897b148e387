/** Secrets for programs in Node: the same door, the same rules and the same records as `tally secrets`. */
import { homedir, tmpdir } from 'node:os';
import { basename } from 'node:path';
import { accessed } from '../capture/secrets/access.ts';
import { type Resolved, resolveSecret } from '../capture/secrets/resolve.ts';
import { TallyError } from '../core/error.ts';
import { locate } from '../paths.ts';
import { withLogPlace } from './log-place.ts';
import { machineConfig } from './machine.ts';
import { sdkClient } from './sdk-client.ts';
import { openSecrets } from './secrets.ts';

export interface GetOptions {
  /** What it is for; recorded. Else TALLY_REASON. */
  readonly reason?: string;
  /** Of the manifest; else TALLY_PROFILE, else "default". */
  readonly profile?: string;
  /** The manifest; else secretspec.toml in the working directory or above. */
  readonly file?: string;
  /** Look here, whatever the manifest and the configuration say. */
  readonly provider?: string;
  /** The machine's own secret of that name, whatever manifest is here. */
  readonly global?: boolean;
  /** The program that asks, as the record says it; else the name of the script. */
  readonly caller?: string;
}

/**
 * The value as text. The access is on record, durable, before anything is read; what the policy, a missing reason or a
 * log that cannot be written stops rejects with a `TallyError` (`code` STOPPED, APPROVAL_PENDING, LOG_…), and a secret
 * without a value with SECRET_NOT_FOUND. No error holds a value. Where the machine lets a person's own access go on
 * without a record, `process.emitWarning` says so.
 *
 * Cost: a recorder that runs is asked over its socket; without one this process is the recorder for the time of the
 * call, which costs some 100 ms the first time.
 */
export async function get(name: string, options: GetOptions = {}): Promise<string> {
  const bytes = await getBytes(name, options);
  try {
    const text = bytes.toString('utf8');
    if (Buffer.from(text).equals(bytes)) return text;
  } finally {
    bytes.fill(0);
  }
  throw new TallyError('USAGE', `the value of ${name} is not UTF-8 text`, {
    hint: 'getBytes hands it over as it is',
    details: { kind: 'value_invalid' },
  });
}

/** The same as bytes, which are the caller's to wipe. */
export async function getBytes(name: string, options: GetOptions = {}): Promise<Buffer> {
  const { env } = process;
  const uid = process.getuid?.() ?? 0;
  const paths = await withLogPlace(locate({ env, home: homedir(), tmp: tmpdir(), uid }), homedir());
  const config = await machineConfig(paths.configFile);
  const client = await sdkClient(env);
  const warn = (line: string): void => process.emitWarning(line, 'TallystickWarning');
  const opened = await openSecrets({
    paths,
    env,
    home: homedir(),
    directory: process.cwd(),
    file: options.file,
    profile: options.profile,
    global: options.global === true,
    client,
    setting: config.secrets ?? {},
    audited: config.auditSecrets !== false,
    async openSession() {
      const { openSession } = await import('../open.ts');
      return openSession({
        paths,
        client,
        brief: true,
        onWarning: warn,
        allowObserve: config.allow_observe,
        ...(config.redactFields === undefined ? {} : { redactFields: config.redactFields }),
        ...(config.payloads === undefined ? {} : { payloads: config.payloads }),
      });
    },
    warn,
    now: Date.now,
  });
  try {
    const { manifest, profile, project, providers, door, requireReason } = opened;
    const value = await accessed(
      door,
      {
        operation: 'get',
        key: name,
        project,
        profile,
        reason: options.reason ?? env.TALLY_REASON ?? env.SECRETSPEC_REASON,
        requireReason,
        caller: options.caller ?? basename(process.argv[1] ?? 'node'),
      },
      async () => {
        const resolved = await resolveSecret(manifest, profile ?? 'default', name, providers, {
          provider: options.provider,
        });
        if (resolved.value !== undefined)
          opened.session()?.recorder?.secrets.set(name, resolved.value.toString('utf8'));
        return { result: resolved.value, ...served(resolved) };
      },
    );
    if (value !== undefined) return value;
    throw new TallyError('SECRET_NOT_FOUND', `there is no value for ${name}`, {
      hint: `store one: tally secrets set ${name}`,
      details: { kind: 'secret_missing' },
    });
  } finally {
    await opened.close();
  }
}

function served({ found, provider, ref, tried }: Resolved) {
  return {
    found,
    provider,
    ref,
    metadata: {
      tried: tried.map(({ provider: asked, result, error_kind }) => ({
        provider: asked,
        result,
        ...(error_kind === undefined ? {} : { error_kind }),
      })),
    },
  };
}
