/**
 * `config.yaml`: what this machine allows. It lies in the user's configuration directory and is never read from a
 * working tree, so a cloned repository cannot change it. Whatever is not understood is refused: a setting that somebody
 * relies on and that does nothing is worse than an error.
 */
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { AnchorSettingSchema, type AnchorSettings, witnessKeys } from '../anchor/setting.ts';
import { type OtlpReceive, OtlpReceiveSchema } from '../capture/otlp/setting.ts';
import { type SecretsSetting, SecretsSettingSchema } from '../capture/secrets/setting-shape.ts';
import { isTallyError, TallyError, wordsOf } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { type PayloadSetting, PayloadSettingSchema } from '../core/payload/policy.ts';
import { parsePolicyDocument } from '../core/policy/document.ts';
import type { PolicyDocument } from '../core/policy/place.ts';
import { didYouMean } from '../core/policy/suggest.ts';
import {
  AuditAliasSchema,
  type RetentionSetting,
  RetentionSettingSchema,
} from '../core/retention/setting.ts';
import { createQuorum } from '../core/tlog/quorum.ts';
import { FORWARD_KEYS, type OtlpForward, OtlpForwardSchema } from '../sink/otlp/setting.ts';
import {
  type AlertSettings,
  AlertSettingsSchema,
  type ApprovalSettings,
  ApprovalSettingsSchema,
  DESTINATION_KEYS,
} from '../sink/setting.ts';

export const READS = ['running', 'always', 'never'] as const;
export type Reads = (typeof READS)[number];

const mode = z.enum(['closed', 'open']);
/** Of `tally secrets`: see `secrets`. The API of decisions has none: it answers, or it does not. */
export const FailureModesSchema = z.strictObject({
  /** Calls through the broker: `tally call`, and those of a run. */
  proxy: mode.optional(),
  /** Whether `tally run` starts its command. */
  run: mode.optional(),
  /** Runs and actions of programs that use the SDK (docs/sdk.md). */
  sdk: mode.optional(),
  /** Calls of tools through `tally mcp` (docs/mcp.md). */
  mcp: mode.optional(),
});
export type FailureModes = z.infer<typeof FailureModesSchema>;

const ConfigSchema = z.strictObject({
  /** A policy with `mode: observe` takes effect; otherwise it decides as if it said `enforce`. */
  allow_observe: z.boolean().optional(),
  /** The broker's port. TALLY_PORT and --port come first. */
  port: z.int().min(1).max(65_535).optional(),
  /** Whether `tally up` serves the log over HTTP on this machine. */
  tiles: z.boolean().optional(),
  /** Whether reading the log is an entry: while a recorder runs, always, or never (docs/exports.md). */
  reads: z.enum(READS).optional(),
  /** What outside of this machine is shown the log's checkpoints (docs/anchors.md). */
  anchors: z
    .array(AnchorSettingSchema)
    .max(LIMITS.anchors)
    .superRefine((anchors, context) => {
      anchors.forEach(({ name }, at) => {
        if (anchors.findIndex((other) => other.name === name) === at) return;
        context.addIssue({ code: 'custom', path: [at, 'name'], message: `a second anchor called ${name}` });
      });
    })
    .optional(),
  /** So many different ones of the configured witnesses have to cosign. */
  witness_quorum: z.int().min(1).max(LIMITS.anchors).optional(),
  /** Where alerts go, and whether anything looks for them (docs/alerts.md). */
  alerts: AlertSettingsSchema.optional(),
  /** Who is told of requests for approval, by a link of their own (docs/decisions.md). */
  approvals: ApprovalSettingsSchema.optional(),
  /** What holds for a surface when nothing can be recorded: nothing is done, or it goes on (docs/decisions.md). */
  failure_modes: FailureModesSchema.optional(),
  /** What is kept of payloads, per type and class (spec/entry.md section 11). */
  payloads: PayloadSettingSchema.optional(),
  /** How long entries and payloads are kept (docs/retention.md). */
  retention: RetentionSettingSchema.optional(),
  /** Who has to say what a secret is for, and what holds when nothing can be recorded (docs/secrets.md). */
  secrets: SecretsSettingSchema.optional(),
  /** What of OpenTelemetry is taken, and where entries go as its log records (docs/otlp.md). */
  otlp: z
    .strictObject({ receive: OtlpReceiveSchema.optional(), forward: OtlpForwardSchema.optional() })
    .optional(),
  /** Names that other programs have for some of this. */
  audit: AuditAliasSchema.optional(),
});

export interface MachineConfig extends AnchorSettings {
  readonly allow_observe: boolean;
  readonly port?: number;
  readonly tiles?: boolean;
  readonly alerts?: AlertSettings;
  readonly approvals?: ApprovalSettings;
  readonly failureModes?: FailureModes;
  readonly reads?: Reads;
  readonly payloads?: PayloadSetting;
  readonly retention?: RetentionSetting;
  readonly secrets?: SecretsSetting;
  readonly otlpReceive?: OtlpReceive;
  readonly otlpForward?: OtlpForward;
  /** False: accesses to secrets by `tally secrets` and the SDK are not recorded. All else is. */
  readonly auditSecrets?: false;
  /** The directory that holds the log, from "/" or "~/". */
  readonly auditPath?: string;
  /** Names of members whose values are redacted besides the built-in ones. */
  readonly redactFields?: readonly string[];
}

const KEYS = Object.keys(ConfigSchema.shape);
const ANCHOR_KEYS = [...new Set(AnchorSettingSchema.options.flatMap(({ shape }) => Object.keys(shape)))];
const KEYS_IN: Readonly<Record<string, readonly string[]>> = {
  anchors: ANCHOR_KEYS,
  alerts: [...Object.keys(AlertSettingsSchema.shape), ...DESTINATION_KEYS],
  approvals: [...Object.keys(ApprovalSettingsSchema.shape), 'destination', 'approver'],
  failure_modes: Object.keys(FailureModesSchema.shape),
  payloads: Object.keys(PayloadSettingSchema.shape),
  retention: [...Object.keys(RetentionSettingSchema.shape), 'days', 'bytes', 'at_least_days'],
  secrets: Object.keys(SecretsSettingSchema.shape),
  otlp: ['receive', 'forward', ...Object.keys(OtlpReceiveSchema.shape), ...FORWARD_KEYS],
  audit: Object.keys(AuditAliasSchema.shape),
};
/** Settings of the design that this version does not carry out. */
const NOT_YET = ['sinks', 'webhooks'];

/** Throws BAD_CONFIG with the place of the first problem (details.line, details.column). */
export function parseConfig(text: string, path: string): MachineConfig {
  const doc = parsePolicyDocument(text);
  if ('problems' in doc) {
    const [first] = doc.problems;
    throw badConfig(
      path,
      first ?? { line: 1, column: 1 },
      first?.message ?? 'it does not parse',
      first?.hint,
    );
  }
  // An empty file, or one of comments only, sets nothing.
  const parsed = ConfigSchema.safeParse(doc.value ?? {});
  if (!parsed.success) throw firstProblem(path, doc, parsed.error.issues[0]);
  const {
    allow_observe = false,
    approvals,
    failure_modes,
    port,
    tiles,
    reads,
    anchors = [],
    witness_quorum,
    payloads,
    alerts,
    secrets,
    otlp,
    audit,
  } = parsed.data;
  if (witness_quorum !== undefined) {
    try {
      createQuorum(witnessKeys(anchors), witness_quorum);
    } catch (error) {
      if (!isTallyError(error)) throw error;
      const hint =
        'add a witness, or ask for fewer; keys of one name, and one key under two names, count once';
      throw badConfig(path, doc.locate(['witness_quorum']), `witness_quorum: ${error.message}`, hint);
    }
  }
  return {
    allow_observe,
    ...(port === undefined ? {} : { port }),
    ...(tiles === undefined ? {} : { tiles }),
    ...(reads === undefined ? {} : { reads }),
    anchors,
    ...(alerts === undefined
      ? {}
      : { alerts: { enabled: alerts.enabled ?? true, destinations: alerts.destinations ?? [] } }),
    ...(approvals === undefined ? {} : { approvals }),
    ...(failure_modes === undefined ? {} : { failureModes: failure_modes }),
    ...(witness_quorum === undefined ? {} : { witness_quorum }),
    ...(payloads === undefined ? {} : { payloads }),
    ...(secrets === undefined ? {} : { secrets }),
    ...(otlp?.receive === undefined ? {} : { otlpReceive: otlp.receive }),
    ...(otlp?.forward === undefined ? {} : { otlpForward: otlp.forward }),
    ...(audit?.enabled === false ? { auditSecrets: false } : {}),
    ...(audit?.path === undefined ? {} : { auditPath: audit.path }),
    ...retentionOf(parsed.data, path, doc),
  };
}

/** What the other program calls `retention_days` is `entries.days`: both at once would leave open which is meant. */
function retentionOf(
  { retention, audit }: z.infer<typeof ConfigSchema>,
  path: string,
  doc: PolicyDocument,
): Pick<MachineConfig, 'retention' | 'redactFields'> {
  const days = audit?.retention_days;
  if (days !== undefined && retention?.entries?.days !== undefined)
    throw badConfig(
      path,
      doc.locate(['audit', 'retention_days']),
      'audit.retention_days says what retention.entries.days says already',
      'keep one of them',
    );
  const least = retention?.entries?.at_least_days;
  if (days !== undefined && least !== undefined && least > days)
    throw badConfig(
      path,
      doc.locate(['audit', 'retention_days']),
      'retention.entries.at_least_days is more than audit.retention_days: nothing would ever be due',
    );
  const kept = days === undefined ? retention : { ...retention, entries: { ...retention?.entries, days } };
  return {
    ...(kept === undefined ? {} : { retention: kept }),
    ...(audit?.redact_fields === undefined ? {} : { redactFields: audit.redact_fields }),
  };
}

/** A missing file means the defaults. */
export function loadConfig(path: string): MachineConfig {
  const stat = reading(path, () => statSync(path, { throwIfNoEntry: false }));
  if (stat === undefined) return { allow_observe: false, anchors: [] };
  // Whoever can write it can switch enforcement off.
  const uid = process.geteuid?.() ?? stat.uid;
  if ((stat.uid !== uid && stat.uid !== 0) || (stat.mode & 0o022) !== 0) {
    throw new TallyError('BAD_CONFIG', `${path} can be written by other users`, {
      hint: `look through it, then: chown ${uid} '${path}' && chmod 600 '${path}'`,
    });
  }
  return parseConfig(
    reading(path, () => readFileSync(path, 'utf8')),
    path,
  );
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new TallyError('BAD_CONFIG', `cannot read ${path}: ${wordsOf(error)}`, {
      hint: 'the file belongs to the user who runs tally, mode 0600, and so does its directory, mode 0700',
      cause: error,
    });
  }
}

function firstProblem(path: string, doc: PolicyDocument, issue: z.core.$ZodIssue | undefined): TallyError {
  if (issue === undefined) return badConfig(path, { line: 1, column: 1 }, 'it is not a configuration');
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    const place = doc.locate(issue.path, key);
    const shown = JSON.stringify(key.slice(0, 80));
    if (NOT_YET.includes(key))
      return badConfig(path, place, `${shown} is not carried out by this version`, `remove ${shown}`);
    const known = KEYS_IN[String(issue.path[0])] ?? KEYS;
    const guess = didYouMean(key, known);
    const hint = guess === undefined ? `known keys: ${known.join(', ')}` : `did you mean ${guess}?`;
    return badConfig(path, place, `unknown key ${shown}`, hint);
  }
  const where = issue.path.join('.');
  const place = doc.locate(issue.path);
  return badConfig(
    path,
    place,
    `${where === '' ? 'the file' : where}: ${issue.message}`,
    MEANINGS[where.replace(/^(anchors|alerts|payloads|retention|otlp|audit)\..*/, '$1')],
  );
}

const MEANINGS: Readonly<Record<string, string>> = {
  '': 'one setting a line, for example `port: 8765`',
  allow_observe: 'true or false',
  tiles: 'true or false',
  reads: 'running, always or never',
  port: 'a whole number from 1 to 65535',
  payloads:
    '`keep` says for a type, or for the classes of a type, one of none, hash, redacted and full; `max_bytes` bounds what is redacted',
  alerts:
    'docs/alerts.md shows an example; secrets and secret URLs stand there by their names in `tally secrets`',
  anchors: 'a list; docs/anchors.md shows one of each type, and `tally anchor add --help` too',
  retention:
    '`entries` with `days`, `bytes` (20GB) and `at_least_days`, `payloads` with days for each class, `anchored`; docs/retention.md shows an example',
  otlp: '`receive` with `other` and `port`; `forward` with `url`, `headers`, `secret_headers` and `from`; docs/otlp.md shows an example',
  audit:
    'enabled, path, sink, retention_days, redact_fields, hash_args and sign_events: what other programs call it',
  witness_quorum: 'a whole number, at most that of the different witnesses in `anchors`',
};

function badConfig(
  path: string,
  { line, column }: { readonly line: number; readonly column: number },
  message: string,
  hint = 'mend the file; it is YAML',
): TallyError {
  return new TallyError('BAD_CONFIG', `${path}:${line}:${column}: ${message}`, {
    hint,
    details: { path, line, column },
  });
}
