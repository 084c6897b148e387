/** Bodies of requests: bounded, in time too, and JSON. */
import type { IncomingMessage } from 'node:http';
import { decodeUtf8 } from '../../core/bytes.ts';
import { LIMITS } from '../../core/limits.ts';
import { isExact, LONG_NUMBER, parseJson, saysTwice } from '../../core/parse.ts';
import { ApiError, busy } from './reply.ts';

export interface Body {
  readonly bytes: Buffer;
  /** To be called once what was made of it is of no more use: until then it takes its part of what all may take. */
  readonly done: () => void;
}

export interface Bodies {
  /** At most `most` bytes. Throws `ApiError`; the connection is then closed behind the answer. */
  read(request: IncomingMessage, most: number): Promise<Body>;
}

const CLOSE = { headers: { Connection: 'close' } } as const;

function tooLarge(most: number): ApiError {
  return new ApiError(
    413,
    'body_too_large',
    `the body is larger than ${most} bytes`,
    'send a hash of what is large in place of it, or fewer requests in one batch',
    CLOSE,
  );
}

export function createBodies(): Bodies {
  let held = 0;
  return {
    read(request, most) {
      const announced = Number(request.headers['content-length'] ?? 0);
      if (announced > most) throw tooLarge(most);
      return new Promise((resolve, reject) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        const idle = setTimeout(() => {
          settle();
          reject(new ApiError(408, 'timeout', 'the body did not come in time', 'send it again', CLOSE));
        }, LIMITS.apiBodyIdleMs);
        const done = (): void => {
          held -= bytes;
          bytes = 0;
        };
        const leave = (): void => {
          clearTimeout(idle);
          request.off('data', take).off('end', end).off('close', gone).off('error', gone);
        };
        const settle = (): void => {
          leave();
          done();
        };
        const take = (chunk: Buffer): void => {
          idle.refresh();
          bytes += chunk.length;
          held += chunk.length;
          if (bytes > most) {
            settle();
            request.pause();
            reject(tooLarge(most));
          } else if (held > LIMITS.apiBodiesBytes) {
            settle();
            request.pause();
            reject(busy());
          } else chunks.push(chunk);
        };
        const end = (): void => {
          leave();
          resolve({ bytes: Buffer.concat(chunks), done });
        };
        const gone = (): void => {
          settle();
          reject(new ApiError(400, 'aborted', 'the body ended early', 'send it again', CLOSE));
        };
        request.on('data', take).once('end', end).once('close', gone).once('error', gone);
      });
    },
  };
}

/** Throws `ApiError` for what is no JSON. */
export function jsonOf(request: IncomingMessage, bytes: Buffer): unknown {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  // Also what keeps forms of web pages away: a browser asks first before it sends this type, and is refused.
  if (type !== 'application/json')
    throw new ApiError(
      415,
      'unsupported_media_type',
      `the body has to be application/json, not ${JSON.stringify(type ?? 'nothing')}`,
      'set the header Content-Type: application/json',
    );
  const text = decodeUtf8(bytes);
  try {
    if (text !== undefined) return exactJson(text);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    // Told below.
  }
  throw new ApiError(400, 'bad_json', 'the body is not JSON in UTF-8', 'check it with a JSON parser');
}

/**
 * A whole number beyond 2^53 is not what was written once it is parsed: two amounts would have one hash, and an approval
 * of the one would let the other through. Of a member that comes twice nobody can say which of the two will be done.
 */
function exactJson(text: string): unknown {
  const value = LONG_NUMBER.test(text) ? parseJson(text, requireExact) : parseJson(text);
  if (!saysTwice(text, value)) return value;
  throw new ApiError(
    400,
    'bad_request',
    'an object of the body has two members of one name',
    'say each once: parsers differ in which of the two they take',
  );
}

function requireExact(value: unknown, source = ''): unknown {
  if (isExact(value)) return value;
  throw new ApiError(
    400,
    'bad_request',
    `the number ${source.slice(0, 40)} cannot be told from its neighbours`,
    'write whole numbers beyond 2^53 as strings',
  );
}
