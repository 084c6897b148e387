/** What the schema found wrong, in words that mend it. */
import type { z } from 'zod';
import { ALERT_KINDS } from '../alert/file.ts';
import { TallyError } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { shown } from './hosts.ts';
import { own } from './own.ts';
import type { Place, PolicyDocument, Problem } from './place.ts';
import { keysAt, NOT_YET } from './schema.ts';
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

const RATE = 'a number of calls and a time: 60/m, 6/10s';
const DURATION = 'a number and a unit: 30s, 15m, 6h, 1d';
/** Text of a certain form, by its key: a bare number there is a unit forgotten. */
const FORMS: Readonly<Record<string, string>> = {
  rate: RATE,
  per_user: RATE,
  per_agent: RATE,
  per_tenant: RATE,
  global: RATE,
  ttl: DURATION,
  hold: DURATION,
};

type KnownKeys = (path: Path, value: unknown) => readonly string[];

function unknownKey(path: Path, key: string, place: Place, known: readonly string[]): Problem {
  const where = path.length === 0 ? '' : ` in ${pathText(path)}`;
  const elsewhere = path.length === 0 && Object.hasOwn(NOT_YET, key) ? NOT_YET[key] : undefined;
  if (elsewhere !== undefined)
    return {
      ...place,
      message: `${shown(key)} is not enforced by this version, and ignoring it would be unsafe`,
      hint: elsewhere,
    };
  return {
    ...place,
    message: `unknown key ${shown(key)}${where}`,
    hint: `known here: ${known.join(', ')}`,
    guess: () => didYouMean(key, known),
  };
}

type Issue = z.core.$ZodIssue;

/** An item of a union: the alternative that the value was meant for tells what is wrong with it. */
function unfold(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.find((e) => e.some((i) => i.path.length > 0 || i.code !== 'invalid_type'));
  return meant === undefined ? [issue] : meant.map((i) => ({ ...i, path: [...issue.path, ...i.path] }));
}

/** Words of others for the three answers. */
const ALIASES: Readonly<Record<string, string>> = {
  deny: 'stop',
  denied: 'stop',
  block: 'stop',
  blocked: 'stop',
  forbid: 'stop',
  permit: 'allow',
  permitted: 'allow',
  allowed: 'allow',
  escalate: 'approval_required',
  approve: 'approval_required',
  approval: 'approval_required',
  ask: 'approval_required',
};

function valueProblem(
  where: string,
  got: unknown,
  values: readonly unknown[],
): { message: string; hint?: string } {
  const words = values.map(String);
  const meant = typeof got !== 'string' ? undefined : (own(ALIASES, got) ?? didYouMean(got, words));
  const message = `${where} has to be ${words.map(shown).join(' or ')}`;
  return meant === undefined || !words.includes(meant)
    ? { message }
    : { message, hint: `did you mean ${shown(meant)}?` };
}

function sizeProblem(where: string, issue: Issue & { code: 'too_big' | 'too_small' }): string {
  const [bound, least] = issue.code === 'too_big' ? [issue.maximum, 'at most'] : [issue.minimum, 'at least'];
  const not = 'inclusive' in issue && issue.inclusive === false ? ', and not that itself' : '';
  if (issue.origin === 'string') return `${where} has to have ${least} ${bound} characters`;
  if (issue.origin === 'array') return `${where} has to have ${least} ${bound} items`;
  return `${where} has to be ${least} ${bound}${not}`;
}

const lineHint =
  'for example "api.stripe.com", or { host: api.github.com, methods: [GET], paths: ["/repos/**"] }';

function describeIssue(issue: Issue, value: unknown): { message: string; hint?: string } {
  const where = issue.path.length === 0 ? 'the policy' : pathText(issue.path);
  const got = at(value, issue.path);
  if (got === undefined) return { message: `${where} is missing` };
  switch (issue.code) {
    case 'invalid_type':
      return where === 'users' && got === null
        ? { message: 'users is empty', hint: 'write users: {} (nobody is a member), or remove the line' }
        : {
            message: `${where} has to be ${own(FORMS, String(issue.path.at(-1))) ?? WORDS[issue.expected] ?? issue.expected}`,
          };
    case 'invalid_union':
      if (issue.path[0] === 'alerts') return kindProblem(where, got);
      return { message: `${where} has to be a host or a mapping`, hint: lineHint };
    case 'invalid_value':
      return valueProblem(where, got, issue.values);
    case 'invalid_key': {
      const why = issue.issues[0];
      const words = why?.code === 'invalid_format' ? why.message : 'shorter';
      return { message: `${where}: ${shown(String(issue.path.at(-1)))} has to be ${words}` };
    }
    case 'too_big':
    case 'too_small':
      return { message: sizeProblem(where, issue) };
    case 'custom':
    case 'invalid_format':
      // What was asked for: "a number and a unit".
      return { message: `${where} has to be ${issue.message}` };
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

/** At most `policyProblems`: one issue may be of as many keys as there are. */
export function issueProblems(
  issues: readonly Issue[],
  doc: PolicyDocument,
  keys: KnownKeys = keysAt,
): readonly Problem[] {
  const problems: Problem[] = [];
  for (const issue of issues.flatMap(unfold)) {
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys.slice(0, LIMITS.policyProblems))
        problems.push(
          unknownKey(
            issue.path,
            key,
            doc.locate(issue.path, key),
            keys(issue.path, at(doc.value, issue.path)),
          ),
        );
    else problems.push({ ...doc.locate(issue.path), ...describeIssue(issue, doc.value) });
  }
  return problems;
}

function hintOf({ hint, guess }: Problem): string | undefined {
  const meant = guess?.();
  return meant === undefined ? hint : `did you mean ${shown(meant)}?`;
}

/** One error for all problems: the first in the file is its place and its hint, all of them are its text. */
export function policyInvalid(problems: readonly Problem[], more = 0): TallyError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const [first] = sorted;
  const count = sorted.length + more;
  const hint = first === undefined ? undefined : hintOf(first);
  const lines = sorted.slice(0, TOLD).map((p, i) => {
    const mend = i === 0 ? undefined : hintOf(p);
    return `line ${p.line}, column ${p.column}: ${p.message}${mend === undefined ? '' : ` (${mend})`}`;
  });
  if (count > TOLD) lines.push(`and ${count - TOLD} more`);
  return new TallyError('POLICY_INVALID', lines.join('\n'), {
    ...(hint === undefined ? {} : { hint }),
    details: { line: first?.line ?? 1, column: first?.column ?? 1, problems: count },
  });
}
