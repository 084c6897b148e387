/** What the schema found wrong, in words that mend it. */
import type { z } from 'zod';
import { ALERT_KINDS } from '../alert/file.ts';
import { TallyError } from '../error.ts';
import type { Place, PolicyDocument, Problem } from './document.ts';
import { shown } from './hosts.ts';
import { keysAt, notYetAt } from './schema.ts';
import { didYouMean } from './suggest.ts';

/** Problems told in one message; the rest are counted. */
const TOLD = 20;

type Path = readonly PropertyKey[];

/** "credentials.STRIPE_KEY.methods", "allowlist[2].host". */
export function pathText(path: Path): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i === 0 ? '' : '.'}${String(step)}`))
    .join('')
    .slice(0, 200);
}

function at(value: unknown, path: Path): unknown {
  let here = value;
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = (here as Record<PropertyKey, unknown>)[step];
  }
  return here;
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'text (in quotes)',
  array: 'a list',
  object: 'a mapping of keys to values',
  record: 'a mapping of keys to values',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
};

function unknownKey(path: Path, key: string, place: Place, value: unknown): Problem {
  const where = path.length === 0 ? '' : ` in ${pathText(path)}`;
  if (notYetAt(path).includes(key))
    return {
      ...place,
      message: `${shown(key)}${where} is not enforced by this version, and ignoring it would be unsafe`,
      hint: `remove ${shown(key)}, or use a version that enforces it`,
    };
  const guess = didYouMean(key, [...keysAt(path, value), ...notYetAt(path)]);
  return {
    ...place,
    message: `unknown key ${shown(key)}${where}`,
    hint:
      guess === undefined ? `known here: ${keysAt(path, value).join(', ')}` : `did you mean ${shown(guess)}?`,
  };
}

type Issue = z.core.$ZodIssue;

/** An item of a union: the alternative that the value was meant for tells what is wrong with it. */
function unfold(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.find((e) => e.some((i) => i.path.length > 0 || i.code !== 'invalid_type'));
  return meant === undefined ? [issue] : meant.map((i) => ({ ...i, path: [...issue.path, ...i.path] }));
}

function describeIssue(issue: Issue, value: unknown): { message: string; hint?: string } {
  const where = issue.path.length === 0 ? 'the policy' : pathText(issue.path);
  const got = at(value, issue.path);
  if (got === undefined) return { message: `${where} is missing` };
  switch (issue.code) {
    case 'invalid_type':
      return { message: `${where} has to be ${WORDS[issue.expected] ?? issue.expected}` };
    case 'invalid_union':
      if (issue.path[0] === 'alerts') return kindProblem(where, got);
      return {
        message: `${where} has to be a host or a mapping`,
        hint: 'for example "api.stripe.com", or { host: localhost, port: 9000, http: true, internal: true }',
      };
    case 'invalid_value':
      if (got === 'approval_required')
        return {
          message: `${where}: approval_required is not enforced by this version, and ignoring it would be unsafe`,
          hint: 'write allow or stop',
        };
      return { message: `${where} has to be ${issue.values.map((v) => shown(String(v))).join(' or ')}` };
    case 'custom':
    case 'invalid_format':
      // "a number and a unit": what was asked for.
      if (issue.path[0] === 'alerts') return { message: `${where} has to be ${issue.message}` };
      return { message: `${where}: ${issue.message}` };
    default:
      return { message: `${where}: ${issue.message}` };
  }
}

function kindProblem(where: string, got: unknown): { message: string; hint?: string } {
  if (typeof got !== 'string') return { message: `${where} has to be a kind of rule (kind: rate)` };
  const guess = didYouMean(got, ALERT_KINDS);
  return {
    message: `${where}: there is no kind of rule ${shown(got)}`,
    hint: guess === undefined ? `there are: ${ALERT_KINDS.join(', ')}` : `did you mean ${shown(guess)}?`,
  };
}

export function issueProblems(issues: readonly Issue[], doc: PolicyDocument): readonly Problem[] {
  const problems: Problem[] = [];
  for (const issue of issues.flatMap(unfold)) {
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys)
        problems.push(unknownKey(issue.path, key, doc.locate(issue.path, key), at(doc.value, issue.path)));
    else problems.push({ ...doc.locate(issue.path), ...describeIssue(issue, doc.value) });
  }
  return problems;
}

/** One error for all problems: the first in the file is its place and its hint, all of them are its text. */
export function policyInvalid(problems: readonly Problem[]): TallyError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const [first] = sorted;
  const lines = sorted.slice(0, TOLD).map((p, i) => {
    const hint = i === 0 || p.hint === undefined ? '' : ` (${p.hint})`;
    return `line ${p.line}, column ${p.column}: ${p.message}${hint}`;
  });
  if (sorted.length > TOLD) lines.push(`and ${sorted.length - TOLD} more`);
  return new TallyError('POLICY_INVALID', lines.join('\n'), {
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
    details: { line: first?.line ?? 1, column: first?.column ?? 1, problems: sorted.length },
  });
}
