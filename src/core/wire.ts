/**
 * Messages of the hand-over socket: one JSON object a line, UTF-8, at most LIMITS.socketMessageBytes.
 *   client → writer   {"id":1,"op":"record","params":{…}}    the first request carries "client":{…}
 *   writer → client   {"id":1,"result":{…}}   or   {"id":1,"error":{"code","message","hint"}}
 *                     {"id":0,"told":{…}}     without being asked; who does not know it passes over it
 */
import { ERROR_CODES, type ErrorCode, TallyError } from './error.ts';
import { LIMITS } from './limits.ts';

export interface WireRequest {
  readonly id: number;
  readonly op: string;
  readonly params: unknown;
  readonly client?: unknown;
}

export type WireReply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: ReturnType<TallyError['toJSON']> }
  | { readonly id: 0; readonly told: unknown };

/** Splits a byte stream into lines and refuses one that grows past the bound before its end is seen. */
export function lineSplitter(onLine: (line: string) => void): (chunk: Uint8Array) => void {
  const parts: Uint8Array[] = [];
  let held = 0;
  return (chunk) => {
    for (let rest = chunk; rest.length > 0; ) {
      const end = rest.indexOf(0x0a);
      const piece = end === -1 ? rest : rest.subarray(0, end);
      held += piece.length;
      if (held > LIMITS.socketMessageBytes) {
        throw new TallyError('USAGE', `a message is larger than ${LIMITS.socketMessageBytes} bytes`, {
          hint: 'send less in one event',
        });
      }
      parts.push(piece);
      if (end === -1) return;
      const line = Buffer.concat(parts).toString('utf8');
      parts.length = 0;
      held = 0;
      rest = rest.subarray(end + 1);
      if (line !== '') onLine(line);
    }
  };
}

export function errorFromWire(error: { code: string; message: string; hint?: string }): TallyError {
  const known = Object.hasOwn(ERROR_CODES, error.code) ? (error.code as ErrorCode) : 'INTERNAL';
  return new TallyError(known, error.message, error.hint === undefined ? {} : { hint: error.hint });
}

/** What may be told to the other side of a socket: our own errors whole, anything else without its particulars. */
export function errorToWire(error: unknown): ReturnType<TallyError['toJSON']> {
  if (error instanceof TallyError) return error.toJSON();
  return {
    code: 'INTERNAL',
    message: 'the recorder failed on this request',
    hint: 'see the output of `tally up`',
  };
}
