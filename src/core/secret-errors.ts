/**
 * Why an access to a secret failed, as `outcome.error_kind` of its entry says it: one short tag without any value, path
 * or name in it. Tags are part of the public interface: add, never rename. spec/secrets.md, Records.
 */
import { type ErrorCode, isTallyError } from './error.ts';

// biome-ignore format: one line a tag
export const SECRET_ERRORS = {
  // stopped before anything was read
  reason_required: 'a purpose is required, and none was stated',
  approval_required: 'a person has to approve this first',
  stopped: 'the policy stops it; decision.reason says why',

  // what was asked for
  bad_request: 'the request itself is not right',
  manifest_missing: 'there is no manifest where one is needed',
  manifest_invalid: 'the manifest does not parse, or extends itself',
  profile_unknown: 'the manifest has no such profile',
  secret_undeclared: 'the manifest does not declare this secret',
  secret_missing: 'no provider has it, and it has no default',
  value_invalid: 'the store cannot hold such a value, or it cannot stand where it has to go',
  value_too_large: 'the value is larger than may be kept or handed over',
  ref_unsupported: 'the manifest names a coordinate that the store has no equivalent for',

  // providers
  provider_unknown: 'there is no such alias, name or scheme',
  provider_misconfigured: 'its address or its setting is not understood',
  provider_untrusted: 'a manifest names it, and may not make this machine do that',
  provider_unavailable: 'it is not installed, not running or not reachable',
  provider_locked: 'it wants to be unlocked or logged in to',
  provider_denied: 'it knows who asks, and says no',
  provider_timeout: 'it did not answer in time',
  provider_failed: 'it ran, and failed in its own way',
  provider_answer_invalid: 'its answer is not one',
  provider_read_only: 'it cannot be written',

  // the encrypted file
  vault_unreadable: 'it cannot be read',
  vault_exposed: 'others could have read or written it',
  vault_altered: 'it is not what was written, or of another key',
  vault_busy: 'another process is writing it',
  vault_write_failed: 'it cannot be written; the old one is in place',
  passphrase_wrong: 'the passphrase is not the one',
  passphrase_limited: 'too many wrong passphrases: wait',

  // the program that was to run with them
  command_not_found: 'there is no such program',
  command_not_executable: 'the program may not be executed',
  command_failed: 'it ended with another code than 0, or by a signal',

  // ourselves
  log_unavailable: 'the log cannot be written, and without it nothing is handed out',
  interrupted: 'it was interrupted',
  internal: 'a bug',
} as const;

export type SecretErrorKind = keyof typeof SECRET_ERRORS;

export function isSecretErrorKind(text: unknown): text is SecretErrorKind {
  return typeof text === 'string' && Object.hasOwn(SECRET_ERRORS, text);
}

const BY_CODE: { readonly [code in ErrorCode]?: SecretErrorKind } = {
  USAGE: 'bad_request',
  BAD_CONFIG: 'bad_request',
  NOT_FOUND: 'secret_missing',
  SECRET_NOT_FOUND: 'secret_missing',
  MANIFEST_INVALID: 'manifest_invalid',
  PROVIDER_FAILED: 'provider_failed',
  VAULT_UNREADABLE: 'vault_unreadable',
  VAULT_WRITE_FAILED: 'vault_write_failed',
  STOPPED: 'stopped',
  APPROVAL_PENDING: 'approval_required',
  VAULT_LOCKED: 'provider_locked',
  OPERATOR_REQUIRED: 'stopped',
  TOKEN_INVALID: 'stopped',
  LOG_UNREADABLE: 'log_unavailable',
  LOG_READ_ONLY: 'log_unavailable',
  LOG_WRITE_FAILED: 'log_unavailable',
  LOG_FULL: 'log_unavailable',
  LOG_CLOSED: 'log_unavailable',
  LOG_LOCKED: 'log_unavailable',
  RECORDER_UNAVAILABLE: 'log_unavailable',
  INTERRUPTED: 'interrupted',
};

/**
 * The tag of a failure: what it names itself in `details.kind`, else what its code stands for. Never throws;
 * anything that is no failure of ours is a bug.
 */
export function secretErrorKind(error: unknown): SecretErrorKind {
  if (!isTallyError(error)) return 'internal';
  const named = error.details?.kind;
  return isSecretErrorKind(named) ? named : (BY_CODE[error.code] ?? 'internal');
}
