/** What the API answers: JSON, always; a failure as `{error: {code, message, hint}}`. */
import type { ServerResponse } from 'node:http';
import { type ErrorCode, isTallyError } from '../../core/error.ts';

export interface Reply {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown, and told to the caller as it is. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Members of the answer beside the error: what was decided or recorded of it. */
  readonly beside: object;

  constructor(
    status: number,
    code: string,
    message: string,
    hint: string,
    options: { readonly headers?: Readonly<Record<string, string>>; readonly beside?: object } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.headers = options.headers ?? {};
    this.beside = options.beside ?? {};
  }
}

/** The API's own bounds; what the policy limits is an answer, with a decision. */
export function busy(): ApiError {
  return new ApiError(429, 'busy', 'too many requests at once', 'ask again in a second', {
    headers: { 'Retry-After': '1', Connection: 'close' },
  });
}

const STATUS: { readonly [code in ErrorCode]?: number } = {
  USAGE: 400,
  BAD_EVENT: 400,
  ENTRY_TOO_LARGE: 413,
  NOT_FOUND: 404,
  TOKEN_INVALID: 401,
  OPERATOR_REQUIRED: 403,
  STOPPED: 403,
  HELD: 409,
  POLICY_INVALID: 400,
};
/** The log cannot be written: nothing was decided, so nothing is allowed. */
const UNAVAILABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'LOG_WRITE_FAILED',
  'LOG_FULL',
  'LOG_CLOSED',
  'LOG_READ_ONLY',
  'LOG_UNREADABLE',
  'LOG_DAMAGED',
  'RECORDER_UNAVAILABLE',
]);

export function isUnavailable(error: unknown): boolean {
  return isTallyError(error) && UNAVAILABLE.has(error.code);
}

/** `code` of an answer when nothing could be recorded: the reason code of the policy for it. */
const AUDIT_UNAVAILABLE = 'audit_unavailable';

/** What a failure is told as; undefined for a bug of ours, whose words are not for callers. */
export function errorReply(error: unknown): Reply | undefined {
  if (error instanceof ApiError) {
    const { status, code, message, hint, headers, beside } = error;
    return { status, headers, body: { error: { code, message, hint }, ...beside } };
  }
  if (isTallyError(error) && isUnavailable(error)) {
    const message = `nothing was decided, because it could not be recorded: ${error.message}`;
    const hint = 'a 5xx is no permission: do not act, and ask again; `tally status` tells what is wrong';
    return {
      status: 503,
      headers: { 'Retry-After': '1' },
      body: { error: { code: AUDIT_UNAVAILABLE, message, hint } },
    };
  }
  if (!isTallyError(error)) return undefined;
  const { code, message, hint = 'spec/api.md describes the requests' } = error;
  const status = STATUS[code];
  if (status === undefined) return undefined;
  // As it is called where the API itself refuses it.
  const told = code === 'OPERATOR_REQUIRED' ? code.toLowerCase() : code;
  return { status, body: { error: { code: told, message, hint } } };
}

export const INTERNAL: Reply = {
  status: 500,
  body: {
    error: {
      code: 'INTERNAL',
      message: 'the request failed for a reason that is a fault of the recorder',
      hint: 'a 5xx is no permission: do not act; the output of `tally up` says more',
    },
  },
};

export function send(response: ServerResponse, { status, body, headers = {} }: Reply): void {
  if (response.headersSent || response.destroyed) return;
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Length': String(Buffer.byteLength(text)),
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}
