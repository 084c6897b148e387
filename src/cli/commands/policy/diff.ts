import { existsSync } from 'node:fs';
import { durationText } from '../../../core/alert/duration.ts';
import { TallyError } from '../../../core/error.ts';
import { type PolicyDifference, policyChanges } from '../../../core/policy/changes.ts';
import type { CompiledPolicy } from '../../../core/policy/compiled.ts';
import { policyFromSnapshot } from '../../../core/policy/snapshot.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { safe, safeJsonText, toJson } from '../../output/safe.ts';
import { wrap } from '../../output/width.ts';
import { readPolicy } from '../../snapshot.ts';
import { compileText } from './compile.ts';
import { readPolicyText } from './file.ts';
import { type DiffLine, diffLines, hunks } from './text-diff.ts';
import { type PolicyVersion, policyVersions } from './versions.ts';

export interface DiffOptions {
  readonly text?: boolean;
  readonly json?: boolean;
  readonly dir?: string;
}

interface Side {
  readonly name: string;
  readonly compiled: CompiledPolicy;
  readonly hash: string;
  /** Of a version in the log only what it means is kept. */
  readonly text: string;
  readonly file: boolean;
}

async function fromFile(context: Context, file: string): Promise<Side> {
  const text = await readPolicyText(context, file);
  const { compiled, hash } = compileText(context, text, file);
  return { name: file, compiled, hash, text, file: true };
}

const meant = (compiled: CompiledPolicy): string => JSON.stringify(compiled, undefined, 2);

/** A version's name or the beginning of its hash; "now": the newest that came in force. */
async function fromLog(context: Context, asked: string, dir: string | undefined): Promise<Side> {
  const opened = await context.openQuery(dir === undefined ? {} : { log: dir });
  try {
    let found: PolicyVersion | undefined;
    for await (const one of policyVersions(opened)) {
      if (one.after === undefined || one.how === 'refused' || one.how === 'denied') continue;
      const isIt =
        asked === NOW || one.version === asked || (asked.length >= 6 && one.after.startsWith(asked));
      if (isIt) found = one;
    }
    if (found?.after === undefined && asked === NOW)
      throw new TallyError('NOT_FOUND', 'the log tells of no policy that was in force', {
        hint: 'name two files: tally policy diff old.yaml new.yaml',
      });
    if (found?.after === undefined)
      throw new TallyError('NOT_FOUND', `there is no file ${asked}, and the log tells of no such version`, {
        hint: '`tally policy history` lists versions; name one, or the first letters of its hash',
      });
    const stored = await readPolicy(opened.opened.reader, found.after);
    if (stored.status !== 'checked')
      throw new TallyError(
        'NOT_FOUND',
        `the snapshot of version ${found.version ?? found.after} is ${stored.status}`,
        {
          hint: 'tally verify says what became of it; a snapshot is kept once a decision cites it',
        },
      );
    const { compiled, hash } = policyFromSnapshot(stored.bytes);
    return { name: `version ${compiled.version}`, compiled, hash, text: meant(compiled), file: false };
  } finally {
    await opened.close();
  }
}

const NOW = 'now';

function sideOf(context: Context, asked: string, dir: string | undefined): Promise<Side> {
  return asked === '-' || (asked !== NOW && existsSync(asked))
    ? fromFile(context, asked)
    : fromLog(context, asked, dir);
}

/** Without names: what the file would change of what is in force. */
export async function diff(
  context: Context,
  a: string | undefined,
  b: string | undefined,
  options: DiffOptions,
): Promise<void> {
  const before = await sideOf(context, a ?? NOW, options.dir);
  const after =
    b === undefined
      ? await fromFile(context, context.paths.policyFile)
      : await sideOf(context, b, options.dir);
  const changes = policyChanges(before.compiled, after.compiled);
  if (options.json === true) {
    const side = ({ name, compiled, hash }: Side) => ({ name, version: compiled.version, hash });
    await context.stdout.line(toJson({ before: side(before), after: side(after), changes }));
    return;
  }
  await printChanges(context, before, after, changes);
  if (options.text === true) await printText(context, before, after);
}

const MARKS = { added: '+', removed: '-', changed: '~', moved: '↕' } as const;
/** A policy of a hundred thousand users that is written anew is not read line by line. */
const SHOWN = 200;

async function printChanges(
  { stdout, stderr }: Context,
  before: Side,
  after: Side,
  changes: readonly PolicyDifference[],
): Promise<void> {
  const { style } = stdout;
  await stderr.say(`# from ${safe(before.name)} to ${safe(after.name)}`, stderr.style.dim);
  if (changes.length === 0)
    return stdout.line(
      before.hash === after.hash ? 'They are the same.' : 'They mean the same; their texts differ.',
    );
  let section = '';
  for (const change of changes.slice(0, SHOWN)) {
    if (change.section !== section) await stdout.line(style.bold(change.section));
    section = change.section;
    const paint =
      change.what === 'added' ? style.green : change.what === 'removed' ? style.red : style.yellow;
    const lines = wrap(changeText(change), stdout.width === undefined ? undefined : stdout.width - 4);
    for (const [i, line] of lines.entries())
      await stdout.line(i === 0 ? `  ${paint(MARKS[change.what])} ${line}` : `    ${line}`);
  }
  if (changes.length > SHOWN)
    await stdout.line(
      `and ${counted(changes.length - SHOWN, 'more')} (--json has all)`.replace('mores', 'more'),
    );
}

/** Rates and times as the file has them: 6/10s, 15m. */
function asWritten(key: string, json: unknown): unknown {
  if (key.endsWith('_ms') && typeof json === 'number') return durationText(json);
  if (typeof json !== 'object' || json === null || !('window_ms' in json) || !('count' in json)) return json;
  return `${String(json.count)}/${durationText(Number(json.window_ms)).replace(/^1(?=[smhd]$)/, '')}`;
}

function value(json: unknown, name = ''): string {
  const written = asWritten(name, json);
  return safe(safeJsonText(typeof written === 'string' ? written : JSON.stringify(written, asWritten)));
}

function changeText({ section, what, name, before, after }: PolicyDifference): string {
  const named = name === undefined ? '' : safe(name);
  if (what === 'moved') return `${named}: place ${value(before)} → ${value(after)}`;
  if (what === 'changed')
    return `${named === '' ? '' : `${named}: `}${value(before ?? 'nothing', name)} → ${value(after ?? 'nothing', name)}`;
  if (named === '')
    return what === 'added'
      ? 'only those listed are members now'
      : 'the owner of the machine stands behind every call now';
  const said = what === 'added' ? after : before;
  const plain =
    section === 'allowlist' && Object.keys(said as object).every((key) => key === 'host' || key === 'port');
  return said === undefined || plain || JSON.stringify(said) === '{}' ? named : `${named}: ${value(said)}`;
}

async function printText({ stdout }: Context, before: Side, after: Side): Promise<void> {
  const { style } = stdout;
  // A text against what is kept of a text would differ in every line.
  const both = before.file && after.file;
  const lines = both
    ? diffLines(before.text, after.text)
    : diffLines(meant(before.compiled), meant(after.compiled));
  await stdout.line();
  if (!both) await stdout.line(style.dim('# as compiled: of a version in the log, its text is not kept'));
  const paints: Readonly<Record<DiffLine['mark'], (text: string) => string>> = {
    ' ': (text) => text,
    '-': style.red,
    '+': style.green,
  };
  for (const line of hunks(lines))
    await stdout.line(
      line === undefined ? style.dim('…') : paints[line.mark](`${line.mark}${safe(safeJsonText(line.text))}`),
    );
}
