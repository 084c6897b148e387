/**
 * The policy file as a plain value, with the line and column of every part of it. The file decides what agents may
 * do, so everything that YAML lets two readers read differently is refused: duplicate keys, aliases, keys that are
 * not text, tags, directives that change the meaning of scalars, several documents.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { LIMITS } from '../limits.ts';
import { parseJsonPolicy } from './document-json.ts';
import { shown } from './hosts.ts';
import type { Place, PolicyDocument, Problem } from './place.ts';

/** What `parseDocument` is called with everywhere, so that the editor reads what the loader reads. */
export const YAML_OPTIONS = {
  version: '1.2',
  schema: 'core',
  merge: false,
  // The library compares every key with every other; we do it with a set, so that many keys stay cheap.
  uniqueKeys: false,
  prettyErrors: false,
  // Not 'silent': that would also silence the error about a second document.
  logLevel: 'error',
} as const;

type Report = (offset: number, message: string, hint?: string) => void;

const startOf = (node: Node | null | undefined): number => node?.range?.[0] ?? 0;

function checkNode(node: unknown, depth: number, report: Report): void {
  if (isAlias(node))
    report(startOf(node), 'aliases (*name) are not supported', 'write the value out where it is used');
  if (!isMap(node) && !isSeq(node) && !isScalar(node)) return;
  if (node.anchor !== undefined)
    report(startOf(node), 'anchors (&name) are not supported', 'write the value out where it is used');
  if (node.tag !== undefined) report(startOf(node), 'tags (!name) are not supported', 'remove the tag');
  if (isScalar(node)) {
    if (typeof node.value === 'string' && !node.value.isWellFormed())
      report(startOf(node), 'half of a surrogate pair is not text');
    return;
  }
  if (depth > LIMITS.jsonDepth) {
    report(startOf(node), 'nested too deeply');
    return;
  }
  if (isSeq(node)) for (const item of node.items) checkNode(item, depth + 1, report);
  else checkMap(node, depth, report);
}

function checkMap(map: YAMLMap, depth: number, report: Report): void {
  const seen = new Set<string>();
  for (const { key, value } of map.items) {
    if (!isScalar(key) || typeof key.value !== 'string') {
      const at = isScalar(key) || isMap(key) || isSeq(key) || isAlias(key) ? startOf(key) : startOf(map);
      report(at, 'a key has to be text', 'put it in quotes');
    } else {
      checkNode(key, depth + 1, report);
      if (seen.has(key.value)) report(startOf(key), `the key ${shown(key.value)} stands here twice`);
      if (key.value === '__proto__') report(startOf(key), 'the key "__proto__" is not allowed');
      seen.add(key.value);
    }
    checkNode(value, depth + 1, report);
  }
}

/** A UTF-16 unit is at least one byte of UTF-8, so most are told apart without encoding them. */
const isLonger = (text: string, bytes: number): boolean =>
  text.length > bytes || (text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes);

/** Where lines begin, counted when the first place is asked for. */
function lazyLines(text: string, lineCounter: LineCounter): () => void {
  return () => {
    if (lineCounter.lineStarts.length > 0) return;
    lineCounter.addNewLine(0);
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1))
      lineCounter.addNewLine(at + 1);
  };
}

/** Never throws. The value is plain JSON-like data whose objects have text keys. */
export function parsePolicyDocument(
  text: string,
): PolicyDocument | { readonly problems: readonly Problem[] } {
  const tooLarge = (most: number, hint?: string): { readonly problems: readonly Problem[] } => ({
    problems: [
      { line: 1, column: 1, message: `over ${most} bytes`, ...(hint === undefined ? {} : { hint }) },
    ],
  });
  if (isLonger(text, LIMITS.policyBytes)) return tooLarge(LIMITS.policyBytes);

  const lineCounter = new LineCounter();
  const place = (offset: number): Place => {
    const { line, col } = lineCounter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (/^\s*\{/.test(text)) {
    const counted = lazyLines(text, lineCounter);
    const json = parseJsonPolicy(text, (offset) => {
      counted();
      return place(offset);
    });
    if (json !== undefined) return json;
    lineCounter.lineStarts.length = 0;
  }
  if (isLonger(text, LIMITS.policyYamlBytes))
    return tooLarge(
      LIMITS.policyYamlBytes,
      `as JSON, which is YAML too and read a hundred times faster, it may have ${LIMITS.policyBytes} bytes`,
    );
  const problems: Problem[] = [];
  const report: Report = (offset, message, hint) => {
    problems.push({ ...place(offset), message, ...(hint === undefined ? {} : { hint }) });
  };

  const doc = parseDocument(text, { ...YAML_OPTIONS, lineCounter });
  for (const { code, pos, message } of [...doc.errors, ...doc.warnings]) {
    if (code === 'MULTIPLE_DOCS') report(pos[0], 'a policy is one document, and a second one starts here');
    else report(pos[0], message.length > 200 ? `${message.slice(0, 200)}…` : message);
  }
  // "%YAML 1.1" would turn `no` into false and 010 into 8.
  if (doc.directives.yaml.explicit === true) report(0, 'a %YAML directive is not supported', 'remove it');
  if (problems.length === 0) checkNode(doc.contents, 0, report);
  if (problems.length > 0) return { problems };

  // A file with many wrong keys is asked for the place of each: by map, or the refusal takes minutes.
  const known = new WeakMap<YAMLMap, ReadonlyMap<unknown, Pair>>();
  const pairsOf = (map: YAMLMap): ReadonlyMap<unknown, Pair> => {
    const pairs =
      known.get(map) ?? new Map(map.items.map((pair) => [isScalar(pair.key) ? pair.key.value : pair, pair]));
    known.set(map, pairs);
    return pairs;
  };

  const find = (path: readonly PropertyKey[]): { readonly node: unknown; readonly offset: number } => {
    let node: unknown = doc.contents;
    let offset = startOf(doc.contents);
    for (const step of path) {
      if (isMap(node)) {
        const pair = pairsOf(node).get(step);
        if (pair === undefined) break;
        if (isScalar(pair.key)) offset = startOf(pair.key);
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(step)];
        if (isMap(node) || isSeq(node) || isScalar(node)) offset = startOf(node);
      } else break;
    }
    return { node, offset };
  };
  const valueOffset = (path: readonly PropertyKey[]): number => {
    const { node, offset } = find(path);
    const there = isMap(node) || isSeq(node) || (isScalar(node) && node.value !== null);
    return there ? startOf(node) : offset;
  };

  return {
    value: doc.toJS({ maxAliasCount: 0 }) as unknown,
    locate: (path, key) => place(key === undefined ? valueOffset(path) : find([...path, key]).offset),
    locateWithin(path, offset) {
      const { node } = find(path);
      const from = valueOffset(path);
      if (!isScalar(node) || typeof node.value !== 'string') return place(from);
      const quote = node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE' ? 1 : 0;
      const written = text.slice(from + quote, from + quote + node.value.length);
      return place(written === node.value ? from + quote + offset : from);
    },
  };
}
