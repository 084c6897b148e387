/** A tool has one name, whichever a policy was written with and whatever a client calls it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTallyError } from '../../../src/core/error.ts';
import { foldKill, type KillState } from '../../../src/core/governance/kill.ts';
import { withOneName } from '../../../src/core/policy/cel/one-name.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import { suppose } from '../../../src/core/policy/suppose.ts';
import { actionNamed, oneToolName, toolNamed } from '../../../src/core/tool-name.ts';

const OWNER = { id: 'kim' };
const HEAD = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: []
`;

/** What either way of writing says, of either way of calling. */
function outcomes(text: string, tool: string): readonly (string | undefined)[] {
  const ways = [text, text.replaceAll('mcp__github__', 'mcp.github.').replaceAll('mcp__', 'mcp.')];
  return ways.flatMap((way) =>
    [tool, oneToolName(tool)].map((action) => {
      const { outcome, reason } = suppose(
        compilePolicy(HEAD + way, { id: 'local' }),
        {
          action,
          agent: 'coder',
          identity: 'checked',
        },
        { owner: OWNER, nowMs: 0 },
      ).decision;
      return `${outcome} ${reason ?? ''}`.trim();
    }),
  );
}

describe('a tool of an MCP server', () => {
  it('has one name, and its server is known by it', () => {
    assert.equal(oneToolName('mcp__github__create_issue'), 'mcp.github.create_issue');
    assert.equal(oneToolName('mcp__github__a__b'), 'mcp.github.a__b');
    assert.equal(oneToolName('mcp__github__*'), 'mcp.github.*');
    assert.equal(oneToolName('mcp__*'), 'mcp.*');
    assert.deepEqual(toolNamed('mcp__github__x'), {
      name: 'mcp.github.x',
      server: 'github',
      called: 'mcp__github__x',
    });
    for (const name of ['Bash', 'mcp.github.x', 'my__tool', 'MCP__a__b', ''])
      assert.deepEqual(toolNamed(name), { name });
  });

  it('keeps the name that it has: the one name of a one name is itself, and nothing becomes longer', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `mcp__${text}`),
        ),
        (name) => {
          const one = oneToolName(name);
          assert.equal(oneToolName(one), one);
          assert.ok(one.length <= name.length);
          assert.equal(toolNamed(name).name, one);
        },
      ),
    );
  });

  it('is meant by both names wherever a policy names tools', () => {
    for (const [text, wanted] of [
      ['tools: { mcp__github__merge: { interactive: { permission: stop } } }', 'stop policy_denied'],
      ['agents: { coder: { tools: [mcp__github__read] } }', 'stop capability_denied'],
      ['agents: { coder: { tools: ["mcp__github__*"] } }', 'allow'],
      ['agents: { coder: { tools: ["mcp__*"] } }', 'allow'],
      [
        `rules: [{ id: a, when: 'action.name == "mcp__github__merge"', decision: stop, reason: no_merge }]`,
        'stop no_merge',
      ],
      [
        `rules: [{ id: a, when: 'action.tool in ["Bash", "mcp__github__merge"]', decision: stop, reason: no_merge }]`,
        'stop no_merge',
      ],
      [
        `rules: [{ id: a, when: 'action.name != "mcp__github__merge"', decision: stop, reason: only_merge }]`,
        'allow',
      ],
      [
        `rules: [{ id: a, when: 'action.name.startsWith("mcp__github__m")', decision: stop, reason: no_merge }]`,
        'stop no_merge',
      ],
    ] as const)
      for (const outcome of outcomes(text, 'mcp__github__merge')) assert.equal(outcome, wanted, text);
  });

  it('is found by a part of its name that was written with underlines', () => {
    for (const when of ['action.name.endsWith("__merge")', 'action.tool.contains("github__m")']) {
      const text = `rules: [{ id: a, when: '${when}', decision: stop, reason: no_merge }]`;
      const policy = compilePolicy(HEAD + text, { id: 'local' });
      const { decision } = suppose(
        policy,
        { action: 'mcp.github.merge', agent: 'coder' },
        { owner: OWNER, nowMs: 0 },
      );
      assert.equal(decision.reason, 'no_merge', when);
    }
  });

  it('changes nothing of a rule but what is compared with a name', () => {
    for (const when of [
      'facts.command.contains("mcp__github__x")',
      'facts.tool == "mcp__github__x"',
      'action.name == "Bash" && facts.text.startsWith("mcp__")',
      'this is no rule "mcp__"',
    ])
      assert.equal(withOneName(when), when);
    assert.equal(
      withOneName(`has(facts.x) && ("mcp__a__b" == action.name || action.tool.startsWith('mcp__a__'))`),
      `has(facts.x) && ("mcp.a.b" == action.name || action.tool.startsWith("mcp.a."))`,
    );
  });

  it('is told of under its one name, with the client’s beside it', () => {
    assert.deepEqual(actionNamed({ name: 'mcp__a__b', tool: { name: 'mcp__a__b', server: 'a' } }), {
      name: 'mcp.a.b',
      tool: { called: 'mcp__a__b', name: 'mcp.a.b', server: 'a' },
    });
    const other = { name: 'search', tool: { name: 'search' } };
    assert.equal(actionNamed(other), other);
  });

  it('is switched off by either name, and on again by the other', () => {
    const state: KillState = new Map();
    const change = (scope: string, on: boolean): void =>
      foldKill(state, { id: 'log_1', ts: '2026-11-20T12:00:00.000Z', metadata: { scope, on } });
    change('tool:mcp__github__merge', true);
    assert.deepEqual([...state.keys()], ['tool:mcp.github.merge']);
    change('tool:mcp.github.merge', false);
    assert.equal(state.size, 0);
  });

  it('has one place in a policy: the same tool under both names is refused, at what stands in the file', () => {
    assert.throws(
      () => compilePolicy(`${HEAD}tools:\n  mcp.a.b: {}\n  mcp__a__b: {}\n`, { id: 'local' }),
      (error) => isTallyError(error) && /mcp__a__b/.test(error.message) && /line 6/.test(error.message),
    );
    assert.throws(
      () => compilePolicy(`${HEAD}tools:\n  mcp__a__b: { roles: [nobody] }\n`, { id: 'local' }),
      (error) => isTallyError(error) && /line 5/.test(error.message),
    );
  });
});
