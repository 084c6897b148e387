/**
 * One POST to a program that may be hostile: nothing is followed, nothing is endless. A total time limit from connecting
 * to the last byte, since limits on silence alone let a peer drip for ever.
 */
import { type Dispatcher, request } from 'undici';
import { type ErrorCode, isTallyError, TallyError } from '../core/error.ts';

export interface BoundedPost {
  /** What it is when it comes to nothing. */
  readonly failure: { readonly code: ErrorCode; readonly hint: string };
  /** For messages: who is asked, and where. */
  readonly who: string;
  readonly url: string;
  readonly body: Uint8Array;
  /** Without it, text. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly mostBytes: number;
  readonly signal: AbortSignal;
  readonly dispatcher?: Dispatcher;
}

export interface PostAnswer {
  readonly status: number;
  /** When it asks to be asked again: seconds or a date, as it was sent. */
  readonly retryAfter?: string;
  readonly body: Uint8Array;
}

/** Throws the given failure when there is no answer in time, or one that is too large. Redirects come back as they are. */
export async function postBounded(post: BoundedPost): Promise<PostAnswer> {
  const late = AbortSignal.timeout(post.timeoutMs);
  try {
    const { statusCode, headers, body } = await request(post.url, {
      method: 'POST',
      body: post.body,
      headers: { 'content-type': 'text/plain; charset=utf-8', ...post.headers },
      signal: AbortSignal.any([post.signal, late]),
      headersTimeout: post.timeoutMs,
      bodyTimeout: post.timeoutMs,
      ...(post.dispatcher === undefined ? {} : { dispatcher: post.dispatcher }),
    });
    // Cut off by us, below or by the clock: the loop tells of it.
    body.on('error', () => undefined);
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of body as AsyncIterable<Uint8Array>) {
      size += part.length;
      // Leaving the loop destroys the body, and with it the connection.
      if (size > post.mostBytes)
        throw failed(post, `answered ${statusCode} with more than ${post.mostBytes} bytes`);
      parts.push(part);
    }
    const retryAfter = headers['retry-after'];
    return {
      status: statusCode,
      ...(typeof retryAfter === 'string' ? { retryAfter } : {}),
      body: new Uint8Array(Buffer.concat(parts, size)),
    };
  } catch (error) {
    if (isTallyError(error)) throw error;
    if (post.signal.aborted) throw failed(post, 'was no longer waited for', error);
    if (late.aborted) throw failed(post, `did not answer within ${post.timeoutMs / 1000} s`, error);
    throw failed(post, `cannot be asked: ${reasonOf(error)}`, error);
  }
}

/** Of several addresses that were tried, what came of the first: the error about all of them says nothing. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  if (error.message === '' && first !== undefined) return reasonOf(first);
  return error.message === '' ? error.name : error.message;
}

function failed({ who, failure }: BoundedPost, what: string, cause?: unknown): TallyError {
  return new TallyError(failure.code, `${who} ${what}`, {
    hint: failure.hint,
    ...(cause === undefined ? {} : { cause }),
  });
}
