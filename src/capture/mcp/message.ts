/**
 * One message of JSON-RPC 2.0, as MCP uses it, read beside its bytes. What is forwarded are the bytes that came; what is
 * read here decides whether they are. So nothing may be read in one way here and in another way by the server:
 *
 * - a call of a tool is taken for one only when it is unmistakable: no member twice, and none whose name another parser
 *   takes for one of ours (some ignore case);
 * - whatever may be one in some reading, and is not one in ours, is *unclear*, and never reaches the server.
 */
import { isExact, LONG_NUMBER, parseJson, saysTwice } from '../../core/parse.ts';

export type Id = string | number;
type Members = Readonly<Record<string, unknown>>;

export type Message =
  /** `id` null: it was written so, which JSON-RPC lets a request do that wants no answer it could tell from others. */
  | { readonly kind: 'request'; readonly id: Id | null; readonly method: string; readonly params: unknown }
  | { readonly kind: 'notification'; readonly method: string; readonly params: unknown }
  | { readonly kind: 'response'; readonly id: Id; readonly result?: unknown; readonly error?: unknown }
  /** JSON, and no message that could be followed. */
  | { readonly kind: 'other' };

export type ReadLine =
  | { readonly kind: 'message'; readonly message: Message }
  /** `spans`: where each element stands in the bytes. */
  | { readonly kind: 'batch'; readonly messages: readonly Message[]; readonly spans: readonly Span[] }
  | { readonly kind: 'blank' }
  /** Not JSON, or not UTF-8; no reading of it calls a tool. */
  | { readonly kind: 'invalid' }
  /** It may call a tool, and what it calls cannot be told for sure. `id`: whom to answer. */
  | { readonly kind: 'unclear'; readonly why: string; readonly id: Id | undefined };

export interface Span {
  readonly from: number;
  readonly to: number;
}

export const TOOL_CALL = 'tools/call';

const CR = 0x0d;
const LF = 0x0a;
const lossy = new TextDecoder('utf-8', { ignoreBOM: true });

/** Without the end of the line: "\n", or "\r\n". */
export function withoutEnd(line: Buffer): Buffer {
  let end = line.length;
  if (line[end - 1] === LF) end--;
  if (line[end - 1] === CR) end--;
  return line.subarray(0, end);
}

/** What goes to the client calls nothing: of two members with one name the later stands, and that is all. */
export function readAnswer(line: Buffer): readonly Message[] | undefined {
  try {
    const value: unknown = JSON.parse(lossy.decode(withoutEnd(line)));
    return Array.isArray(value) ? value.map(messageOf) : [messageOf(value)];
  } catch {
    // Forwarded all the same; whoever asked counts it.
    return undefined;
  }
}

/** What goes to the server. `framed`: as a line; otherwise its length is told by other means. Never throws. Costs a few passes over the line. */
export function readLine(line: Buffer, framed = true): ReadLine {
  const bytes = withoutEnd(line);
  const text = lossy.decode(bytes);
  if (text.trim() === '') return { kind: 'blank' };
  let value: unknown;
  try {
    value = LONG_NUMBER.test(text) ? parseJson(text, asWritten) : parseJson(text);
  } catch {
    return mayCallTool(text) ? unclear('it is not JSON', undefined) : { kind: 'invalid' };
  }
  const doubt = doubtOf(bytes, text, value, framed);
  if (doubt !== undefined && mayCallTool(text)) return unclear(doubt, idOf(value));
  if (!Array.isArray(value)) return { kind: 'message', message: messageOf(value) };
  return { kind: 'batch', messages: value.map(messageOf), spans: elementsOf(bytes) };
}

const unclear = (why: string, id: Id | undefined): ReadLine => ({ kind: 'unclear', why, id });

/** A whole number that a double cannot hold stands as its digits: two amounts must not look like one. */
const asWritten = (value: unknown, source: string | undefined): unknown =>
  isExact(value) || source === undefined ? value : source;

/** Why another reader may see something else in it. */
function doubtOf(bytes: Buffer, text: string, value: unknown, framed: boolean): string | undefined {
  // Some readers end a line at it, and the rest would be lines of their own to them.
  if (framed && bytes.includes(CR)) return 'it holds a carriage return';
  if (text.includes('\ufffd') && !Buffer.from(text).equals(bytes)) return 'it is not UTF-8';
  if (saysTwice(text, value)) return 'it has two members of one name';
  const all = Array.isArray(value) ? value : [value];
  if (all.some((one) => Array.isArray(one))) return 'it holds a batch within a batch';
  if (all.some(hasLookalike)) return 'a name of a member is written unusually';
  if (all.some((one) => isObject(one) && one.method === TOOL_CALL && !isCall(one)))
    return 'it names no tool, or its id is none';
  return undefined;
}

const ENVELOPE: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);
const CALL: ReadonlySet<string> = new Set(['name', 'arguments', '_meta']);

/** Some parsers take "Method", and even "paramſ", for ours. */
const folded = (name: string): string => name.toUpperCase().toLowerCase();

function hasLookalike(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { params } = value;
  return (
    Object.keys(value).some((name) => !ENVELOPE.has(name) && ENVELOPE.has(folded(name))) ||
    (isObject(params) && Object.keys(params).some((name) => !CALL.has(name) && CALL.has(folded(name))))
  );
}

function isCall({ id, params }: Members): boolean {
  return (id === undefined || id === null || isId(id)) && isObject(params) && typeof params.name === 'string';
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isId = (id: unknown): id is Id => typeof id === 'string' || typeof id === 'number';

function idOf(value: unknown): Id | undefined {
  return isObject(value) && isId(value.id) ? value.id : undefined;
}

/** Whether any reader may see a call of a tool in it: with its escapes resolved, and what is no text left out. */
export function mayCallTool(text: string): boolean {
  if (!/tools|[\\\0\ufffd]/i.test(text)) return false;
  return text
    .replaceAll(/\\u([0-9a-fA-F]{4})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/[\\\ufffd\0]/g, '')
    .toLowerCase()
    .includes(TOOL_CALL);
}

export function messageOf(value: unknown): Message {
  if (!isObject(value)) return { kind: 'other' };
  const { id, method, params } = value;
  if (typeof method === 'string') {
    if (id === undefined) return { kind: 'notification', method, params };
    if (id === null || isId(id)) return { kind: 'request', id, method, params };
    return { kind: 'other' };
  }
  if (!isId(id)) return { kind: 'other' };
  if (Object.hasOwn(value, 'error')) return { kind: 'response', id, error: value.error };
  return Object.hasOwn(value, 'result') ? { kind: 'response', id, result: value.result } : { kind: 'other' };
}

/** Where the elements of an array stand; the bytes are JSON. */
function elementsOf(bytes: Buffer): readonly Span[] {
  const spans: Span[] = [];
  let depth = 0;
  let from = -1;
  let to = -1;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === 0x20 || byte === 0x09 || byte === LF || byte === CR) continue;
    const closes = byte === 0x5d || byte === 0x7d;
    if (depth === 1 && (byte === 0x2c || closes)) {
      if (from !== -1) spans.push({ from, to });
      from = -1;
    } else if (depth > 0) {
      if (from === -1) from = at;
      if (byte === 0x22) at = endOfString(bytes, at);
      to = at + 1;
    }
    if (byte === 0x5b || byte === 0x7b) depth++;
    else if (closes) depth--;
  }
  return spans;
}

function endOfString(bytes: Buffer, from: number): number {
  for (let at = from + 1; at < bytes.length; at++) {
    if (bytes[at] === 0x5c) at++;
    else if (bytes[at] === 0x22) return at;
  }
  return bytes.length - 1;
}
