/**
 * A file of another program's records as events: bytes go in, in pieces of any size, and what each record became comes
 * out in the order of the file. Pure; flat in memory; nothing in a file makes it throw.
 */
import { decodeUtf8 } from '../bytes.ts';
import type { Event } from '../entry.ts';
import { sha256Hex } from '../hash.ts';
import type { Json, JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { parseJson } from '../parse.ts';
import { isObject } from '../query/fields.ts';
import { csvCells, csvRow } from './csv.ts';
import type { ChainVerdict, Decoder, ImportFormat } from './decoder.ts';
import { decoderOf } from './decoders.ts';
import { importedEvent } from './event.ts';
import { importId } from './ids.ts';
import { isDeeperThan } from './nesting.ts';
import { createRecordSplitter, type RawRecord, type RecordSplitter } from './records.ts';

export type ImportItem = { readonly line: number } & (
  | { readonly events: readonly Event[]; readonly sha256: string; readonly cut: number }
  | { readonly passed: string }
  | { readonly refused: string }
);

export interface ImportReader {
  push(chunk: Uint8Array): readonly ImportItem[];
  end(): readonly ImportItem[];
  verdict(): ChainVerdict | undefined;
  unpaired(): number;
}

export interface ReaderOptions {
  readonly format: ImportFormat;
  /** The name of the file without its path. */
  readonly file: string;
}

const BOM = Buffer.of(0xef, 0xbb, 0xbf);
const BLANK = /^[\t\r ]*$/;

export function createImportReader({ format, file }: ReaderOptions): ImportReader {
  const decoder = decoderOf(format);
  const name = fileName(file);
  let splitter: RecordSplitter | undefined;
  let header: readonly string[] | undefined;
  let csv = false;

  /** The first byte that is no space says what the file is: only one format has CSV. */
  function begin(chunk: Uint8Array): RecordSplitter {
    const bytes = chunk.subarray(Buffer.from(chunk.subarray(0, BOM.length)).equals(BOM) ? BOM.length : 0);
    const first = bytes.find((byte) => byte > 0x20);
    csv = format === 'agentsecrets' && first !== undefined && first !== 0x7b;
    return createRecordSplitter(csv ? LIMITS.importRowBytes : LIMITS.importLineBytes, csv);
  }

  function valueIn(bytes: Buffer, text: string): Value {
    if (!csv) return jsonObject(bytes, text);
    if (text.includes('\0')) return refusal('holds a NUL byte');
    const cells = csvCells(text);
    if (cells === undefined) return refusal('not CSV: a quote is not closed, or stands inside of a cell');
    if (header === undefined) {
      header = cells.map((cell) => cell.trim());
      return HEADER;
    }
    if (cells.length !== header.length)
      return refusal(`has ${cells.length} cells, the first line names ${header.length}`);
    return { value: csvRow(header, cells) };
  }

  function item({ line, last, bytes: raw }: RawRecord): ImportItem | undefined {
    if (raw === undefined) return { line, refused: tooLong(line, last, csv) };
    const bytes = line === 1 && raw.subarray(0, BOM.length).equals(BOM) ? raw.subarray(BOM.length) : raw;
    const text = decodeUtf8(bytes);
    if (text === undefined) return { line, refused: 'not UTF-8' };
    if (BLANK.test(text)) return undefined;
    const value = valueIn(bytes, text);
    if (!('value' in value)) return { line, ...value };
    return decoded(decoder, { format, file: name, line, sha256: sha256Hex(raw) }, value.value);
  }

  function items(records: readonly RawRecord[]): readonly ImportItem[] {
    return records.map(item).filter((one) => one !== undefined);
  }

  return {
    push(chunk) {
      splitter ??= begin(chunk);
      return items(splitter.push(chunk));
    },
    end: () => items(splitter?.end() ?? []),
    verdict: () => decoder.verdict?.(),
    unpaired: decoder.unpaired,
  };
}

type Where = {
  readonly format: ImportFormat;
  readonly file: string;
  readonly line: number;
  readonly sha256: string;
};

function decoded(decoder: Decoder, where: Where, value: JsonObject): ImportItem {
  const { line, sha256 } = where;
  const id = (part: number, ts: string | undefined): string => importId(where, part, ts);
  const found = decoder.decode({ line, sha256, value, id });
  if (!('drafts' in found)) return { line, ...found };
  if (found.drafts.length === 0) return { line, passed: 'nothing to record' };
  if (found.drafts.length > LIMITS.importParts)
    return {
      line,
      refused: `tells of ${found.drafts.length} events; at most ${LIMITS.importParts} are taken`,
    };
  const events: Event[] = [];
  let cut = 0;
  for (const draft of found.drafts) {
    const made = importedEvent(id(draft.part, draft.ts), draft, where);
    if ('refused' in made) return { line, refused: made.refused };
    events.push(made.event);
    cut += made.cut.length;
  }
  return { line, events, sha256, cut };
}

function tooLong(line: number, last: number, csv: boolean): string {
  const most = csv ? LIMITS.importRowBytes : LIMITS.importLineBytes;
  const which = last > line ? `an open quote? Lines ${line} to ${last} are lost with it` : 'no line of text?';
  return `longer than ${most} bytes: ${which}`;
}

type Value = { readonly value: JsonObject } | { readonly passed: string } | { readonly refused: string };
const HEADER: Value = { passed: 'header' };

function refusal(refused: string): Value {
  return { refused };
}

function jsonObject(bytes: Buffer, text: string): Value {
  if (isDeeperThan(bytes, LIMITS.jsonDepth)) return refusal(`nested deeper than ${LIMITS.jsonDepth} levels`);
  let value: Json;
  try {
    value = parseJson(text) as Json;
  } catch {
    // The parser's own words quote the text, which may hold anything.
    return refusal('not JSON');
  }
  return isObject(value) ? { value } : refusal('not a JSON object');
}

/** Paths tell of the machine that the file came from. */
export function fileName(path: string): string {
  const name = path.replaceAll('\\', '/').split('/').at(-1) ?? '';
  return name.slice(0, LIMITS.idChars);
}
