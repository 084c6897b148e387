/** What hooks of other people's programs answer, and rules of a policy that were written for a client's names of tools. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compileCel } from '../../../src/core/policy/cel/compile.ts';
import { evaluateCel } from '../../../src/core/policy/cel/evaluate.ts';
import { withOneName } from '../../../src/core/policy/cel/one-name.ts';
import { oneToolName } from '../../../src/core/tool-name.ts';
import { saidIn } from '../../../src/plugins/claude-agent/words.ts';
import { nearlyText } from '../mutate.ts';
import { type Target, target } from '../target.ts';

const answers = [
  '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"no"}}',
  '{"decision":"block","reason":"no","continue":false,"stopReason":"enough"}',
  '{"hookSpecificOutput":{"hookEventName":"PreToolUse","updatedInput":{"command":"ls"},"permissionDecision":"defer"}}',
];

const answered = fc.oneof(
  nearlyText(answers).map((text): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }),
  fc.anything({ withNullPrototype: true, withMap: true, withBigInt: true, maxDepth: 4 }),
);

const word = fc.stringMatching(/^[a-z]([a-z-]{0,3}|_[a-z])$/);
const tool = fc
  .tuple(fc.boolean(), word, word, fc.option(word, { nil: undefined }))
  .map(([isMcp, server, name, more]) => {
    const whole = more === undefined ? name : `${name}__${more}`;
    return isMcp ? `mcp__${server}__${whole}` : whole;
  });

/** What compares the name of a call with a name, or with a part of one. */
const comparison = fc
  .tuple(
    tool,
    fc.constantFrom('==', '!=', 'in', 'startsWith', 'endsWith', 'contains'),
    fc.constantFrom('action.name', 'action.tool'),
    fc.nat(40),
    fc.nat(40),
  )
  .map(([name, how, of, from, to]) => {
    if (how === 'in') return `${of} in ["Bash", ${JSON.stringify(name)}]`;
    if (how === '==' || how === '!=') return `${of} ${how} ${JSON.stringify(name)}`;
    const [start, end] = [from % name.length, name.length - (to % name.length)];
    const part =
      how === 'startsWith'
        ? name.slice(0, end)
        : how === 'endsWith'
          ? name.slice(start)
          : name.slice(start, Math.max(start + 1, end));
    return `${of}.${how}(${JSON.stringify(part)})`;
  });
const rules = fc
  .array(comparison, { minLength: 1, maxLength: 4 })
  .chain((all) => fc.constantFrom(all.join(' && '), all.map((one) => `(${one})`).join(' || ')));

function says(rule: string, name: string): unknown {
  const compiled = compileCel(rule);
  assert.ok(!('problem' in compiled), rule);
  return evaluateCel(compiled.program, { action: { name, tool: name }, actor: {}, facts: {} });
}

/** Half of a separator is in no name on its own account: what begins or ends with it may mean either. */
const isClear = (rule: string): boolean => !/"_[^_]|[^_]_"|"_"/.test(rule);

export const claudeAgentTargets: readonly Target[] = [
  target('hooks: whatever a callback answers, it stops a call or does not', answered, (value) => {
    const { stopped, input } = saidIn(value);
    if (stopped !== undefined) assert.match(stopped.kind, /^(denied|deferred)_by_hook$/);
    if (input !== undefined) assert.ok(typeof input === 'object' && !Array.isArray(input));
  }),
  target(
    'rules: what was written for a client’s names says the same of the one names',
    fc.tuple(rules.filter(isClear), tool),
    ([rule, name]) => {
      assert.deepEqual(says(withOneName(rule), oneToolName(name)), says(rule, name), `${rule} of ${name}`);
    },
  ),
  target('rules: whatever stands there, it is changed once', fc.string(), (text) => {
    const one = withOneName(text);
    assert.equal(withOneName(one), one);
  }),
];
