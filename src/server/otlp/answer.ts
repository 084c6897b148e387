/** What OTLP/HTTP is answered, in the encoding of the request: responses of exports, and `google.rpc.Status` for failures. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { OtlpEncoding, OtlpSignal, OtlpTaken } from './endpoint.ts';

export const MEDIA_TYPES: Readonly<Record<OtlpEncoding, string>> = {
  json: 'application/json',
  protobuf: 'application/x-protobuf',
};

const REJECTED: Readonly<Record<OtlpSignal, string>> = {
  logs: 'rejectedLogRecords',
  traces: 'rejectedSpans',
};

/** `ExportLogsServiceResponse`, `ExportTraceServiceResponse`: empty when everything was taken. */
export function exportResponse(
  signal: OtlpSignal,
  encoding: OtlpEncoding,
  { rejected, message }: OtlpTaken,
): Uint8Array {
  const isWhole = rejected === 0 && message === '';
  if (encoding === 'json') {
    const partialSuccess = { [REJECTED[signal]]: String(rejected), errorMessage: message };
    return Buffer.from(JSON.stringify(isWhole ? {} : { partialSuccess }));
  }
  if (isWhole) return new Uint8Array();
  const partial = new BinaryWriter();
  if (rejected !== 0) partial.tag(1, WireType.Varint).int64(rejected);
  if (message !== '') partial.tag(2, WireType.LengthDelimited).string(message);
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(partial.finish()).finish();
}

/** Codes of `google.rpc.Code` for the statuses of HTTP that are answered here. */
const CODES: ReadonlyMap<number, number> = new Map([
  [400, 3],
  [401, 16],
  [403, 7],
  [405, 12],
  [408, 4],
  [413, 8],
  [415, 3],
  [429, 8],
  [503, 14],
]);

export function statusResponse(encoding: OtlpEncoding, status: number, message: string): Uint8Array {
  const code = CODES.get(status) ?? 13;
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code, message }));
  return new BinaryWriter()
    .tag(1, WireType.Varint)
    .int32(code)
    .tag(2, WireType.LengthDelimited)
    .string(message)
    .finish();
}
