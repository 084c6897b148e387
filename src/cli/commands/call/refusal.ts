/** The broker's own answers, as errors with the command that mends them. */
import { type ErrorCode, TallyError } from '../../../core/error.ts';

interface Refusal {
  readonly status: number;
  /** A reason code, see docs/policy.md. */
  readonly reason: string;
  readonly body: string;
  /** An agent cannot change the policy itself. */
  readonly asAgent: boolean;
}

export function refusalError(refusal: Refusal): TallyError {
  const { status, reason, asAgent } = refusal;
  const { error, message, domain, approval_id } = parseBody(refusal.body);
  const told = message ?? error ?? `HTTP ${status}`;
  // Published clients look for the code and for the domain in single quotes.
  const about = domain === undefined ? '' : ` '${domain}'`;
  const mend = mendOf(reason, told, approval_id);
  const why = withoutCommand(withoutCommand(told, mend?.command), SWITCH_ON.exec(told)?.[0]);
  const text = status === 403 || status === 429 ? `${reason}${about}: ${why}` : why;
  const hint =
    mend?.operator === true && asAgent ? `ask the operator to run: ${mend.command}` : mend?.command;
  return new TallyError(codeOf(status, reason), text, hint === undefined ? {} : { hint });
}

/** What a hint says below need not be said here: "…; to let agents call it: COMMAND" loses its last part. */
function withoutCommand(told: string, command: string | undefined): string {
  if (command === undefined || !told.endsWith(command)) return told;
  const part = told.lastIndexOf(';', told.length - command.length);
  return part > 0 ? told.slice(0, part) : told;
}

function codeOf(status: number, reason: string): ErrorCode {
  if (reason === 'credential_missing') return 'SECRET_NOT_FOUND';
  if (reason === 'policy_approval_required') return 'APPROVAL_PENDING';
  switch (status) {
    case 400:
    case 413:
    case 431:
      return 'USAGE';
    case 401:
      return 'TOKEN_INVALID';
    case 403:
    case 429:
      return 'STOPPED';
    case 503:
      return 'RECORDER_UNAVAILABLE';
    default:
      return 'CALL_FAILED';
  }
}

/** It is part of a decision, so it stays as it is recorded; the reason that the command needs is said here. */
const SWITCH_ON = /\btally kill off --scope \S+$/;
const PRESENTED = '(the agent presents it as TALLY_AGENT_TOKEN)';

/** What the policy engine says ends with the command that would let the call through; the rest is known here. */
function mendOf(
  reason: string,
  told: string,
  approval: string | undefined,
): { readonly command: string; readonly operator: boolean } | undefined {
  const operator = (command: string) => ({ command, operator: true });
  const command = /\btally policy allow \S+(?: --[a-z]+)*/.exec(told)?.[0];
  if (command !== undefined) return operator(command);
  switch (reason) {
    case 'credential_missing':
      return operator(`tally secrets set ${/'([\w.-]+)'/.exec(told)?.[1] ?? 'KEY'}`);
    case 'credential_not_allowed':
    case 'method_not_allowed':
    case 'policy_unreadable':
      return operator('tally policy check; tally policy show');
    case 'identity_missing':
      return operator(`tally agent token issue NAME --user USER ${PRESENTED}`);
    case 'identity_not_issued':
    case 'token_invalid':
    case 'token_expired':
    case 'token_revoked':
      return operator(`tally agent token issue NAME ${PRESENTED}`);
    case 'policy_approval_required':
      return operator(
        approval === undefined
          ? 'tally approvals list'
          : `tally approvals show ${approval}; tally approvals approve ${approval}; then the same call again`,
      );
    case 'policy_approval_denied':
    case 'approval_expired':
      return operator('tally approvals list --all (who said no and why: tally log show ID)');
    case 'killed_global':
    case 'killed_tenant':
    case 'killed_agent':
    case 'tool_disabled':
    case 'writes_disabled':
    case 'killed':
      return operator(
        ['tally kill status', ...(SWITCH_ON.exec(told) ?? []).map((on) => `${on} --reason "…"`)].join('; '),
      );
    case 'args_unavailable':
      return {
        command: 'send the body as JSON or as a form, with its length: only such a body is read before',
        operator: false,
      };
    case 'audit_unavailable':
      return { command: 'tally status; tally doctor', operator: false };
    default:
      return undefined;
  }
}

function parseBody(body: string): {
  readonly error?: string;
  readonly message?: string;
  readonly domain?: string;
  readonly approval_id?: string;
} {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return {};
  }
  if (typeof value !== 'object' || value === null) return {};
  const text = (name: string): string | undefined => {
    const found = (value as Record<string, unknown>)[name];
    return typeof found === 'string' ? found : undefined;
  };
  const [error, message, domain] = [text('error'), text('message'), text('domain')];
  const approval_id = text('approval_id');
  return {
    ...(error === undefined ? {} : { error }),
    ...(message === undefined ? {} : { message }),
    ...(domain === undefined ? {} : { domain }),
    ...(approval_id === undefined ? {} : { approval_id }),
  };
}
