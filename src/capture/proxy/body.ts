/**
 * Request bodies. JSON and form bodies of at most LIMITS.parsedBodyBytes are read whole before the decision, so their
 * hash is part of args_hash and credentials can be put into them; all others stream past and are hashed on the way.
 *
 * Hashes are of the caller's bytes, before any credential is put in: a hash that covers a credential would let a reader
 * of the log try out guesses for it.
 */
import { createHash, hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ControlHeaders } from './headers.ts';

export type BodyKind = 'none' | 'whole' | 'streamed';

const READABLE_TYPE = /^(application\/(?:[!-~]+\+)?json|application\/x-www-form-urlencoded)\s*(?:;|$)/i;

/** How the body of this request is treated. `limit` in bytes. */
export function bodyKind(control: ControlHeaders, limit: number): BodyKind {
  const { contentLength, chunked, contentType, encoded } = control;
  if (!chunked && (contentLength === undefined || contentLength === 0)) return 'none';
  if (encoded || contentType === undefined || !READABLE_TYPE.test(contentType)) return 'streamed';
  return contentLength !== undefined && contentLength > limit ? 'streamed' : 'whole';
}

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

const JSON_TYPE = /^application\/(?:[!-~]+\+)?json\s*(?:;|$)/i;

export function isJson({ contentType = '' }: Pick<ControlHeaders, 'contentType'>): boolean {
  return JSON_TYPE.test(contentType);
}

/** Of a body that is read whole: JSON is the only other kind. */
export function isForm({ contentType = '' }: Pick<ControlHeaders, 'contentType'>): boolean {
  return FORM_TYPE.test(contentType);
}

export type BodyRead =
  | { readonly outcome: 'whole'; readonly bytes: Buffer; readonly sha256: string }
  /** Open-ended and longer than the limit: what was read so far, to be streamed on. */
  | { readonly outcome: 'long'; readonly chunks: readonly Buffer[] }
  | { readonly outcome: 'aborted' }
  | { readonly outcome: 'timeout' };

/** `close` tells the same. Node also tells of a reset in the moment after nobody reads any more, and then it would end us. */
const toldElsewhere = (): void => undefined;

/** Never rejects. `idleMs`: the longest silence between two parts of the body. */
export function readBody(request: IncomingMessage, limit: number, idleMs: number): Promise<BodyRead> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(() => finish({ outcome: 'timeout' }), idleMs);
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > limit) finish({ outcome: 'long', chunks });
      else timer.refresh();
    };
    const onEnd = (): void => {
      const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
      finish({ outcome: 'whole', bytes, sha256: hash('sha256', bytes, 'hex') });
    };
    const onClose = (): void => finish({ outcome: 'aborted' });
    function finish(read: BodyRead): void {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      request.pause();
      resolve(read);
    }
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', toldElsewhere);
  });
}

export interface Upload {
  readonly stream: Readable;
  readonly bytes: () => number;
  /** Of everything that passed so far. */
  readonly sha256: () => string;
}

/**
 * The rest of a body as a stream with back-pressure: the caller's socket is read only as fast as the upstream takes.
 * It fails when the caller goes away or falls silent, or when `stops` says so of a chunk, which then is not sent on;
 * that cancels the upstream request.
 */
export function uploadOf(
  request: IncomingMessage,
  first: readonly Buffer[],
  idleMs: number,
  stops: ((chunk: Buffer) => boolean) | undefined,
  onFailure: (why: 'aborted' | 'timeout' | 'stopped') => void,
): Upload {
  const digest = createHash('sha256');
  let size = 0;
  const stream = new Readable({
    read() {
      timer.refresh();
      request.resume();
    },
    destroy(error, done) {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      request.pause();
      done(error);
    },
  });
  const fail = (why: 'aborted' | 'timeout' | 'stopped'): void => {
    onFailure(why);
    stream.destroy();
  };
  // While the upstream takes nothing, the caller is not the one who is silent.
  const timer = setTimeout(() => (request.isPaused() ? timer.refresh() : fail('timeout')), idleMs);
  const take = (chunk: Buffer): boolean => {
    digest.update(chunk);
    size += chunk.length;
    timer.refresh();
    if (stops?.(chunk) !== true) return stream.push(chunk);
    fail('stopped');
    return false;
  };
  const onData = (chunk: Buffer): void => {
    if (!take(chunk)) request.pause();
  };
  const onEnd = (): void => {
    clearTimeout(timer);
    stream.push(null);
  };
  const onClose = (): void => {
    if (!request.complete) fail('aborted');
  };
  for (const chunk of first) if (!stream.destroyed) take(chunk);
  request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', toldElsewhere);
  request.pause();
  return { stream, bytes: () => size, sha256: () => digest.copy().digest('hex') };
}
