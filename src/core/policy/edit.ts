/**
 * Adds a host to the text of a policy file. A person wrote that file, so only the bytes that have to change do:
 * comments, order, columns and quoting stay. The result is compiled and compared with what was meant before it is
 * handed out; a file laid out in a way that this cannot edit is refused with the line to add by hand.
 */
import {
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { canonicalize } from '../canonical.ts';
import { invariant, isTallyError, TallyError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import type { AllowedHost } from './compiled.ts';
import { YAML_OPTIONS } from './document.ts';
import { parseHostPattern } from './host-pattern.ts';
import { formatHostPort } from './hosts.ts';
import { compilePolicy } from './load.ts';

export interface EditedPolicy {
  readonly text: string;
  /** False: the file allows it already, and the text is the one that was handed in. */
  readonly changed: boolean;
  readonly version: string;
}

interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** What can be said of a line here, in this order. */
const MEMBERS = ['http', 'internal', 'ca'] as const;

/** As it is written, which is JSON and YAML alike; undefined: it is not said. */
function memberText(line: AllowedHost, member: (typeof MEMBERS)[number]): string | undefined {
  const value = line[member];
  return value === undefined || value === false ? undefined : JSON.stringify(value);
}

/** Plain only where no reader could take it for anything but text. */
const scalarText = (host: string): string =>
  /^[a-z][a-z0-9-]*([.:][a-z0-9-]+)*$/.test(host) && !/^(true|false|yes|no|on|off|null|y|n)$/.test(host)
    ? host
    : JSON.stringify(host);

/** A file that is JSON stays JSON. */
const isJson = (text: string): boolean => text.trimStart().startsWith('{');

function lineText(line: AllowedHost, json = false): string {
  if (json)
    return JSON.stringify(
      MEMBERS.some((member) => memberText(line, member) !== undefined)
        ? line
        : formatHostPort(line.host, line.port),
    );
  const members = MEMBERS.flatMap((member) => {
    const text = memberText(line, member);
    return text === undefined ? [] : [`${member}: ${text}`];
  });
  if (members.length === 0) return scalarText(formatHostPort(line.host, line.port));
  const port = line.port === undefined ? [] : [`port: ${line.port}`];
  return `{ ${[`host: ${scalarText(line.host)}`, ...port, ...members].join(', ')} }`;
}

const rangeOf = (node: unknown): readonly [number, number] => {
  const range = (node as Node | null | undefined)?.range;
  return range === null || range === undefined ? [0, 0] : [range[0], range[1]];
};

const pairOf = (map: YAMLMap, key: string): Pair | undefined =>
  map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);

const columnOf = (text: string, offset: number): number => offset - (text.lastIndexOf('\n', offset - 1) + 1);

/** A new line after the one that holds `offset` (or ends there), indented by `column`. */
function newLine(text: string, offset: number, column: number, content: string): Splice {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const line = `${' '.repeat(column)}${content}`;
  const ended = offset > 0 && text[offset - 1] === '\n';
  const end = ended ? offset : text.indexOf('\n', offset) + 1;
  if (end === 0) return { from: text.length, to: text.length, text: `${eol}${line}${eol}` };
  return { from: end, to: end, text: `${line}${eol}` };
}

function appendItem(text: string, seq: YAMLSeq, line: AllowedHost): readonly Splice[] {
  const [start, end] = rangeOf(seq);
  const last = seq.items.at(-1);
  if (last === undefined) {
    // "[]" becomes a block list below its key; what stands between the brackets (a comment) is not ours to drop.
    if (isJson(text)) return [{ from: start + 1, to: start + 1, text: lineText(line, true) }];
    if (text.slice(start + 1, end - 1).trim() !== '')
      return [{ from: start + 1, to: start + 1, text: ` ${lineText(line)},` }];
    const before = text.slice(0, start).trimEnd().length;
    return [{ from: before, to: end, text: '' }, newLine(text, end, 2, `- ${lineText(line)}`)];
  }
  const [, lastEnd] = rangeOf(last);
  if (seq.flow === true) return [{ from: lastEnd, to: lastEnd, text: `, ${lineText(line, isJson(text))}` }];
  return [newLine(text, lastEnd, columnOf(text, start), `- ${lineText(line)}`)];
}

/** Sets members of a line that is there already. */
function setMembers(text: string, item: unknown, had: AllowedHost, line: AllowedHost): readonly Splice[] {
  if (!isMap(item)) {
    const [from, to] = rangeOf(item);
    return [{ from, to, text: lineText(line, isJson(text)) }];
  }
  const splices: Splice[] = [];
  const [, lastEnd] = rangeOf(item.items.at(-1)?.value);
  for (const member of MEMBERS) {
    const value = memberText(line, member);
    if (value === undefined || line[member] === had[member]) continue;
    const pair = pairOf(item, member);
    const [from, to] = rangeOf(pair?.value);
    if (pair !== undefined) splices.push({ from, to, text: value });
    else if (item.flow === true)
      splices.push({
        from: lastEnd,
        to: lastEnd,
        text: isJson(text) ? `,"${member}":${value}` : `, ${member}: ${value}`,
      });
    else splices.push(newLine(text, lastEnd, columnOf(text, rangeOf(item)[0]), `${member}: ${value}`));
  }
  return splices;
}

function addToList(text: string, top: YAMLMap, line: AllowedHost): readonly Splice[] {
  const pair = pairOf(top, 'allowlist');
  if (pair === undefined) {
    const head = newLine(text, text.length, 0, 'allowlist:');
    const item = newLine(head.text, head.text.length, 2, `- ${lineText(line)}`);
    return [{ ...head, text: head.text + item.text }];
  }
  if (isSeq(pair.value)) return appendItem(text, pair.value, line);
  // No list yet: nothing after the key, or a null that is written out.
  const [, keyEnd] = rangeOf(pair.key);
  const [from, to] = rangeOf(pair.value);
  const item = newLine(text, keyEnd, 2, `- ${lineText(line)}`);
  return from === to ? [item] : [{ from: text.slice(0, from).trimEnd().length, to, text: '' }, item];
}

/** "2026-11-20.3": counted up on the same day, else started anew; never back, also when the clock went back. */
function nextVersion(version: string, today: string): string {
  const [, date = '', count = ''] = /^(\d{4}-\d\d-\d\d)\.(\d{1,9})$/.exec(version) ?? [];
  return date >= today ? `${date}.${Number(count) + 1}` : `${today}.1`;
}

function applySplices(text: string, splices: readonly Splice[]): string {
  let out = text;
  // From the end, so that earlier offsets stay true; of two at one place the first in the list comes first.
  const order = splices.map((splice, i) => ({ splice, i }));
  order.sort((a, b) => b.splice.from - a.splice.from || b.i - a.i);
  for (const { splice } of order) out = out.slice(0, splice.from) + splice.text + out.slice(splice.to);
  return out;
}

const sameLines = (a: readonly AllowedHost[], b: readonly AllowedHost[]): boolean =>
  canonicalize(a) === canonicalize(b);

const isNarrowed = ({ methods, paths, projects, environments }: AllowedHost): boolean =>
  [methods, paths, projects, environments].some((list) => list !== undefined);

/** A line that says which calls to a host are meant is not widened behind its author's back. */
function refuseNarrowed(lines: readonly AllowedHost[], at: number, host: string): void {
  if (at !== -1 || !lines.some((line) => isNarrowed(line) && formatHostPort(line.host, line.port) === host))
    return;
  throw new TallyError('POLICY_INVALID', `the policy allows ${host} for certain calls only`, {
    hint: 'change its line by hand: methods, paths, projects and environments there say which',
  });
}

function compiles(text: string, lines: readonly AllowedHost[], version: string): boolean {
  try {
    const { compiled } = compilePolicy(text, { id: 'edited' });
    return compiled.version === version && sameLines(compiled.allowlist, lines);
  } catch (error) {
    if (isTallyError(error)) return false;
    throw error;
  }
}

/**
 * Allows a host, or marks one that is allowed already as http or internal, or names the file of who may sign for it; flags
 * are only ever added, and a file takes the place of another one. Idempotent.
 * `today` ("2026-11-20") makes the new version.
 * Errors: POLICY_INVALID when the text does not compile or cannot be edited; USAGE when the host is none.
 */
export function allowHost(
  text: string,
  grant: {
    readonly host: string;
    readonly port?: number;
    readonly http?: boolean;
    readonly internal?: boolean;
    /** As it is to stand in the file. */
    readonly ca?: string;
  },
  today: string,
): EditedPolicy {
  invariant(/^\d{4}-\d\d-\d\d$/.test(today), 'today is a date');
  const { compiled } = compilePolicy(text, { id: 'edited' });
  if (text.length > LIMITS.policyYamlBytes)
    throw new TallyError('POLICY_INVALID', 'this policy file is too large to be edited here', {
      hint: 'add the line to its allowlist with the program that writes it',
    });
  const named = parseHostPattern(
    grant.host.includes(':') && !grant.host.startsWith('[') ? `[${grant.host}]` : grant.host,
  );
  if ('problem' in named)
    throw new TallyError('USAGE', named.problem, named.hint === undefined ? {} : { hint: named.hint });
  const { port } = grant;
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535))
    throw new TallyError('USAGE', `${port} is not a port`, { hint: 'a port is between 1 and 65535' });

  const at = compiled.allowlist.findIndex(
    (line) => line.host === named.host && line.port === port && !isNarrowed(line),
  );
  refuseNarrowed(compiled.allowlist, at, formatHostPort(named.host, port));
  const had = compiled.allowlist[at];
  const line: AllowedHost = {
    ...had,
    host: named.host,
    ...(port === undefined ? {} : { port }),
    ...(had?.http === true || grant.http === true ? { http: true } : {}),
    ...(had?.internal === true || grant.internal === true ? { internal: true } : {}),
    ...(grant.ca === undefined ? {} : { ca: grant.ca }),
  };
  if (had !== undefined && sameLines([had], [line]))
    return { text, changed: false, version: compiled.version };

  const doc = parseDocument(text, YAML_OPTIONS);
  const top = doc.contents;
  invariant(isMap(top), 'a policy that compiles is a mapping');
  const list = pairOf(top, 'allowlist')?.value;
  const version = nextVersion(compiled.version, today);
  const [from, to] = rangeOf(pairOf(top, 'version')?.value);
  const splices =
    had === undefined
      ? addToList(text, top, line)
      : setMembers(text, isSeq(list) ? list.items[at] : undefined, had, line);
  const edited = applySplices(text, [{ from, to, text: JSON.stringify(version) }, ...splices]);
  const lines = had === undefined ? [...compiled.allowlist, line] : compiled.allowlist.with(at, line);
  if (!compiles(edited, lines, version))
    throw new TallyError(
      'POLICY_INVALID',
      'this policy file is laid out in a way that cannot be edited here',
      {
        hint: `add this line to its allowlist by hand: - ${lineText(line)}`,
      },
    );
  return { text: edited, changed: true, version };
}
