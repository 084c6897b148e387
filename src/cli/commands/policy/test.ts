import type { Decision } from '../../../core/entry.ts';
import { isTallyError, TallyError } from '../../../core/error.ts';
import type { PolicyInForce } from '../../../core/policy/compiled.ts';
import {
  type PolicyTest,
  parsePolicyTests,
  runPolicyTest,
  unknownReason,
} from '../../../core/policy/test-file.ts';
import { machineOwner } from '../../../open/whoami.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { safe, toJson } from '../../output/safe.ts';
import { type Cell, type Column, layOut } from '../../output/table.ts';
import { wrap } from '../../output/width.ts';
import { compileFile } from './compile.ts';
import { readPolicyText } from './file.ts';

export interface TestOptions {
  readonly policy?: string;
  readonly json?: boolean;
}

interface Row {
  readonly test: PolicyTest;
  readonly good: boolean;
  readonly decision?: Decision;
  /** Why it could not be put to the policy. */
  readonly problem?: string;
}

/** "tally.policy.yaml" → "tally.policy.test.yaml". */
export const testFileOf = (policy: string): string =>
  /\.(ya?ml|json)$/.test(policy) ? policy.replace(/\.(ya?ml|json)$/, '.test.$1') : `${policy}.test.yaml`;

const EXAMPLE = `tests:
  - name: a large refund waits for somebody
    call: { action: refund.create, agent: billing-tool, user: u_17, args: { amount: 20000 } }
    expect: approval_required`;

async function readTests(context: Context, file: string): Promise<readonly PolicyTest[]> {
  let text: string;
  try {
    text = await readPolicyText(context, file);
  } catch (error) {
    if (!isTallyError(error) || error.code !== 'NOT_FOUND') throw error;
    throw new TallyError('NOT_FOUND', `there is no ${file}`, {
      hint: `it is a table of calls and what should be said of each:\n${EXAMPLE}`,
      cause: error,
    });
  }
  try {
    return parsePolicyTests(text);
  } catch (error) {
    if (!isTallyError(error)) throw error;
    const { code, message, hint, details } = error;
    throw new TallyError(code, `${file}: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      ...(details === undefined ? {} : { details: { ...details, path: file } }),
      cause: error,
    });
  }
}

function run(policy: PolicyInForce, test: PolicyTest, nowMs: number): Row {
  try {
    const { decision, good } = runPolicyTest(policy, test, { owner: machineOwner(), nowMs });
    const problem =
      !good && unknownReason(policy, test) ? { problem: 'no code and no rule has this reason' } : {};
    return { test, decision, good, ...problem };
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return { test, good: false, problem: error.message };
  }
}

/** Exit code 1 when a decision is another one than the table says. */
export async function test(context: Context, file: string | undefined, options: TestOptions): Promise<void> {
  const policyFile = options.policy ?? context.paths.policyFile;
  const policy = await compileFile(context, policyFile);
  const path = file ?? testFileOf(policyFile);
  const tests = await readTests(context, path);
  const rows = tests.map((one) => run(policy, one, context.now()));
  const failed = rows.filter(({ good }) => !good).length;
  if (options.json === true) await context.stdout.line(toJson(asJson(path, policy, rows, failed)));
  else await print(context, rows, failed, policy);
  if (failed > 0) context.exit(1);
}

function asJson(file: string, policy: PolicyInForce, rows: readonly Row[], failed: number) {
  const { version } = policy.compiled;
  return {
    file,
    policy: { version, hash: policy.hash },
    tests: rows.length,
    failed,
    rows: rows.map(({ test: { name, expect, reason, rule, layer }, good, decision, problem }) => ({
      name,
      good,
      expected: { outcome: expect, reason, rule, layer },
      ...(decision === undefined
        ? {}
        : {
            got: {
              outcome: decision.outcome,
              reason: decision.reason,
              rule: decision.rule,
              layer: decision.layer,
              message: decision.message,
            },
          }),
      ...(problem === undefined ? {} : { problem }),
    })),
  };
}

const COLUMNS: readonly Column[] = [
  { header: '' },
  { header: 'CALL', shrinkTo: 12, weight: 1 },
  { header: 'EXPECTED', shrinkTo: 8 },
  { header: 'DECIDED', shrinkTo: 8 },
  { header: 'REASON', shrinkTo: 8, optional: 1 },
];

async function print(
  { stdout }: Context,
  rows: readonly Row[],
  failed: number,
  policy: PolicyInForce,
): Promise<void> {
  const { style, width } = stdout;
  const cells = rows.map(({ test: { name, expect }, good, decision }): readonly Cell[] => [
    { text: good ? '✓' : '✗', paint: good ? style.green : style.red },
    { text: safe(name) },
    { text: expect },
    { text: decision?.outcome ?? 'not asked', ...(good ? {} : { paint: style.red }) },
    { text: safe(decision?.reason ?? ''), paint: style.dim },
  ]);
  const layout = layOut(COLUMNS, cells, width);
  if (rows.length > 0) await stdout.line(layout.header(style.dim));
  for (const [i, row] of rows.entries()) {
    await stdout.line(layout.row(cells[i] ?? []));
    if (!row.good)
      for (const line of [...cutName(row, layout.row(cells[i] ?? [])), ...differences(row)])
        for (const part of wrap(safe(line), width === undefined ? undefined : width - 3))
          await stdout.line(`   ${part}`);
  }
  const version = `policy version ${safe(policy.compiled.version)}`;
  if (rows.length > 0) await stdout.line();
  await stdout.say(
    failed === 0
      ? `${style.green('✓')} ${counted(rows.length, 'call')} decided as expected by ${version}`
      : `${style.red('✗')} ${failed} of ${counted(rows.length, 'call')} decided otherwise by ${version}`,
  );
}

/** Its name in full, when the table had no room for it: which one it is has to be found in the file. */
function cutName({ test: { name } }: Row, shown: string): readonly string[] {
  return shown.includes(safe(name)) ? [] : [name];
}

/** What differs, and what was said. */
function differences({ test: expected, decision, problem }: Row): readonly string[] {
  const lines = problem === undefined ? [] : [problem];
  if (decision === undefined) return lines;
  for (const key of ['reason', 'rule', 'layer'] as const)
    if (expected[key] !== undefined && expected[key] !== decision[key])
      lines.push(`${key}: ${expected[key]} was expected, and it is ${decision[key] ?? 'none'}`);
  if (decision.message !== undefined) lines.push(decision.message);
  else if (decision.outcome !== expected.expect) lines.push('nothing stopped it');
  return lines;
}
