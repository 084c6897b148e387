/**
 * What can go wrong on the way to an upstream and back, in our own words. Errors of undici, TLS and DNS can carry
 * header lines, parsed bytes and URLs, and with them a credential; nothing of an error but its code is ever used.
 */
import type { Outcome } from '../../core/entry.ts';

export interface Failure {
  readonly status: Extract<Outcome['status'], 'error' | 'timeout' | 'aborted'>;
  readonly kind: string;
  /** For the caller and the record. */
  readonly text: string;
}

export const ABORTED: Failure = {
  status: 'aborted',
  kind: 'client_aborted',
  text: 'the caller went away',
};
export const CLOSING: Failure = {
  status: 'aborted',
  kind: 'broker_closing',
  text: 'the broker is closing',
};
/** Stopped a moment before, and so not looked up; allowed when it was decided, and none of its addresses is checked. */
export const CHANGED: Failure = {
  status: 'error',
  kind: 'not_resolved',
  text: 'what is allowed changed while the call was decided; nothing was sent, try again',
};
/** A name that leads to this very process: a call would call itself until nothing is left, or get past who is asked there. */
export const LOOP: Failure = {
  status: 'error',
  kind: 'broker_loop',
  text: 'the request is for Tallystick itself, which is called directly and not through the broker (NO_PROXY=127.0.0.1,localhost)',
};
/** What was sent of the body so far does not have the placeholder in it whole. */
export const placeholderInStream = (ref: string): Failure => ({
  status: 'error',
  kind: 'args_unavailable',
  text: `the placeholder of ${JSON.stringify(ref)} stands in a body that is streamed, where nothing can be put into it; the call was ended. Bodies that are read whole say that they are JSON or a form (content-type), and have at most 1 MiB`,
});
const KILLED = 'killed';
/** A kill switch was thrown while the call was under way. */
export const killed = (scope: string): Failure => ({
  status: 'aborted',
  kind: KILLED,
  text: `switched off while it was under way (${scope}); tally kill status shows why`,
});
export const isKilled = ({ kind }: Failure): boolean => kind === KILLED;
export const TOKEN_DEAD: Failure = {
  status: 'aborted',
  kind: 'token_revoked',
  text: 'the token that the connection began with is no longer good: its run has ended, or it was revoked',
};
/** Of a connection that stood when another policy came in force. `why`: of the decision that it would get now. */
export const notAllowedAnyMore = (version: string, why: string): Failure => ({
  status: 'aborted',
  kind: 'policy_changed',
  text: `the policy in force now (version ${version}) does not allow the connection any more: ${why}`,
});
export const UPLOAD_SILENT: Failure = {
  status: 'timeout',
  kind: 'client_timeout',
  text: 'the caller fell silent in the middle of its body',
};
export const STALLED: Failure = {
  status: 'timeout',
  kind: 'client_stalled',
  text: 'the caller took nothing of its response',
};
/** Of a call that went on before its pre_exec was durable. */
export const UNRECORDED: Failure = {
  status: 'error',
  kind: 'audit_unavailable',
  text: 'the audit log cannot be written, so the answer is not shown',
};
export const BROKEN: Failure = { status: 'error', kind: 'internal_error', text: 'the broker failed' };

const CODE = /^[A-Z][A-Z0-9_]{1,60}$/;

export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && CODE.test(code) ? code : 'UNKNOWN';
}

type Kind = readonly [status: Failure['status'], kind: string, words: string];

// biome-ignore format: one line a code
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['UND_ERR_CONNECT_TIMEOUT', ['timeout', 'connect_timeout', 'did not accept the connection in time']],
  ['ETIMEDOUT', ['timeout', 'connect_timeout', 'did not accept the connection in time']],
  ['UND_ERR_HEADERS_TIMEOUT', ['timeout', 'upstream_timeout', 'did not answer in time']],
  ['UND_ERR_BODY_TIMEOUT', ['timeout', 'upstream_timeout', 'fell silent in the middle of its answer']],
  ['ECONNREFUSED', ['error', 'connect_failed', 'refused the connection']],
  ['EHOSTUNREACH', ['error', 'connect_failed', 'cannot be reached']],
  ['ENETUNREACH', ['error', 'connect_failed', 'cannot be reached']],
  ['TALLY_UNCHECKED_ADDRESS', ['error', 'connect_failed', 'was reached at an address that had not been checked']],
  ['ERR_TLS_CERT_ALTNAME_INVALID', ['error', 'tls_failed', 'showed a certificate for another name']],
  ['CERT_HAS_EXPIRED', ['error', 'tls_failed', 'showed an expired certificate']],
  ['UND_ERR_SOCKET', ['error', 'connection_lost', 'closed the connection']],
  ['ECONNRESET', ['error', 'connection_lost', 'closed the connection']],
  ['EPIPE', ['error', 'connection_lost', 'closed the connection']],
  ['UND_ERR_HEADERS_OVERFLOW', ['error', 'bad_response', 'sent too many header bytes']],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', ['error', 'bad_response', 'sent another number of bytes than it announced']],
  ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', ['error', 'bad_request', 'was to get another number of bytes than the caller announced']],
]);

/** Of TLS itself, and what node calls the answers of OpenSSL about a certificate (X509_V_ERR_…). */
const TLS_CODES =
  /^(ERR_SSL|ERR_TLS|EPROTO|CERT_|CRL_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH|ERROR_IN_C|UNSPECIFIED$)/;

/** Nobody who is trusted here signed for it: an attacker's, or an authority of the user's own, which can be named. */
const UNKNOWN_SIGNER = /^(UNABLE_TO_(VERIFY|GET_ISSUER)|SELF_SIGNED|DEPTH_ZERO)/;

function kindOf(code: string): Kind {
  const known = KINDS.get(code);
  if (known !== undefined) return known;
  if (code.startsWith('HPE_'))
    return ['error', 'bad_response', 'sent something that is no HTTP/1.1 response'];
  if (TLS_CODES.test(code)) return ['error', 'tls_failed', 'could not prove who it is'];
  return ['error', 'upstream_failed', 'failed'];
}

/** The code of undici's parser gets lost on its way: it is looked up by its number in a table of names. */
function responseCode(error: unknown): string {
  const code = codeOf(error);
  return code === 'UNKNOWN' && error instanceof Error && error.name === 'HTTPParserError'
    ? 'HPE_INVALID'
    : code;
}

/** `host` is the one the caller named. */
export function upstreamFailure(error: unknown, host: string): Failure {
  const code = responseCode(error);
  const [status, kind, words] = kindOf(code);
  const hint = UNKNOWN_SIGNER.test(code)
    ? '; if an authority of your own signs for it, name its file, for the host as the policy has it: tally policy allow HOST --ca FILE.pem'
    : '';
  return { status, kind, text: `upstream ${host} ${words} (${code})${hint}` };
}

export function unknownCoding(host: string): Failure {
  const text = `upstream ${host} sent a content coding that was not asked for and cannot be undone`;
  return { status: 'error', kind: 'bad_response', text };
}

/** Nothing but the end of the connection says that such an answer is whole, and a reset says that it is not. */
export function cutShort(host: string): Failure {
  const text = `upstream ${host} reset the connection in the midst of its answer`;
  return { status: 'error', kind: 'connection_lost', text };
}

export function noEnd(host: string): Failure {
  const text = `upstream ${host} sent interim responses (1xx) without end, and no answer`;
  return { status: 'error', kind: 'bad_response', text };
}

export function decodeFailure(error: unknown, host: string): Failure {
  const text = `upstream ${host} sent a compressed body that does not decode (${codeOf(error)})`;
  return { status: 'error', kind: 'bad_response', text };
}
