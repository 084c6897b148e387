/** Bodies that were packed: bounded after unpacking, whatever they promise. */
import { gunzip } from 'node:zlib';
import { LIMITS } from '../../core/limits.ts';
import { ApiError } from '../api/reply.ts';

/** Throws `ApiError`: 413, 415, and 400 for what does not unpack. */
export function unpacked(bytes: Uint8Array, encoding: string): Promise<Uint8Array> {
  if (encoding === '' || encoding === 'identity') return Promise.resolve(bytes);
  if (encoding !== 'gzip')
    return Promise.reject(
      new ApiError(
        415,
        'unsupported_media_type',
        `bodies packed with ${JSON.stringify(encoding.slice(0, 40))} are not taken`,
        'pack them with gzip, or not at all: OTEL_EXPORTER_OTLP_COMPRESSION',
      ),
    );
  return new Promise((resolve, reject) => {
    gunzip(bytes, { maxOutputLength: LIMITS.otlpBodyBytes }, (error, plain) => {
      if (error === null) resolve(plain);
      else if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') reject(tooLarge());
      else reject(new ApiError(400, 'bad_request', 'the body is not gzip', 'send it again'));
    });
  });
}

function tooLarge(): ApiError {
  return new ApiError(
    413,
    'body_too_large',
    `the body is larger than ${LIMITS.otlpBodyBytes} bytes when it is unpacked`,
    'let the sender batch fewer spans or records',
  );
}
