import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  HOOK_EVENTS,
  hooksIn,
  isBlocking,
  type Settings,
  withHooks,
  withoutHooks,
} from '../../../src/capture/hook/settings.ts';

const TOKEN = `hok_${'a'.repeat(43)}`;
const WANTED = {
  url: 'http://127.0.0.1:7700/hooks/claude-code',
  command: "TALLY_HOME=/x '/opt/my node' /opt/tally/bin/tally.js hook claude-code",
  token: TOKEN,
  closed: false,
};

const foreignHook = fc.oneof(
  fc.record({ type: fc.constant('command'), command: fc.string() }),
  fc.record({
    type: fc.constant('http'),
    url: fc.webUrl(),
    headers: fc.dictionary(fc.string(), fc.string()),
  }),
  fc.constantFrom(
    { type: 'command', command: 'my-tally hook claude-code' },
    { type: 'command', command: 'tally hook claude-code; echo done' },
    { type: 'http', url: 'http://127.0.0.1:7700/hooks/claude-code' },
    {
      type: 'http',
      url: 'http://10.0.0.1:7700/hooks/claude-code',
      headers: { Authorization: `Bearer ${TOKEN}` },
    },
    { type: 'prompt', prompt: 'x' },
  ),
  fc.jsonValue(),
);
const group = fc.oneof(
  fc.record(
    { matcher: fc.string(), hooks: fc.array(foreignHook, { maxLength: 3 }) },
    { requiredKeys: ['hooks'] },
  ),
  fc.jsonValue(),
);
const hooks = fc.dictionary(
  fc.constantFrom(...HOOK_EVENTS, 'PostToolBatch', 'x'),
  fc.oneof(fc.array(group, { maxLength: 3 }), fc.jsonValue()),
  { minKeys: 1 },
);
const settings = fc
  .tuple(fc.dictionary(fc.constantFrom('model', 'env', 'permissions', 'z'), fc.jsonValue()), fc.option(hooks))
  .map(([others, own]) => ({ ...others, ...(own === null ? {} : { hooks: own }) }))
  .map((value) => JSON.parse(JSON.stringify(value)) as Settings);

describe('the hooks in settings', () => {
  it('are taken out as they were put in, whatever others have there', () => {
    fc.assert(
      fc.property(settings, fc.boolean(), (before, closed) => {
        // A value that is no list holds no hooks, and of an empty list nothing is left to keep.
        fc.pre(
          Object.values((before.hooks ?? {}) as object).every(
            (list) => Array.isArray(list) && list.length > 0,
          ),
        );
        const after = withHooks(before, { ...WANTED, closed });
        assert.deepEqual([...hooksIn(after).keys()].toSorted(), [...HOOK_EVENTS].toSorted());
        assert.equal(isBlocking(after, TOKEN), closed);
        assert.deepEqual(withHooks(after, { ...WANTED, closed }), after);
        assert.deepEqual(withoutHooks(after), before);
      }),
      { numRuns: 500 },
    );
  });

  it('of others stay in their order, and in the group in which they stand', () => {
    const mine = { type: 'command', command: 'mine.sh' };
    const before = { hooks: { PreToolUse: [{ matcher: 'Bash', hooks: [mine] }] } };
    const after = withHooks(before, WANTED) as typeof before;
    assert.deepEqual(after.hooks.PreToolUse[0], before.hooks.PreToolUse[0]);
    assert.equal(after.hooks.PreToolUse.length, 2);
    const mixed = {
      hooks: {
        PreToolUse: [{ matcher: 'Bash', hooks: [mine, ...(after.hooks.PreToolUse[1]?.hooks ?? [])] }],
      },
    };
    assert.deepEqual(withoutHooks(mixed), before);
  });

  it('of another port or another program are replaced, not doubled', () => {
    const before = withHooks(
      {},
      { ...WANTED, url: 'http://127.0.0.1:9/hooks/claude-code', command: 'tally hook claude-code' },
    );
    assert.deepEqual(withHooks(before, WANTED), withHooks({}, WANTED));
  });

  it('block only for every tool, with this token, and when hooks are on', () => {
    const closed = withHooks({}, { ...WANTED, closed: true });
    assert.equal(isBlocking(closed, TOKEN), true);
    assert.equal(isBlocking(closed, `hok_${'b'.repeat(43)}`), false);
    assert.equal(isBlocking({ ...closed, disableAllHooks: true }, TOKEN), false);
    const text = JSON.stringify(closed);
    assert.equal(isBlocking(JSON.parse(text.replaceAll('"block"', '"continue"')), TOKEN), false);
    const narrow = text.replace('"PreToolUse":[{', '"PreToolUse":[{"matcher":"Bash",');
    assert.equal(isBlocking(JSON.parse(narrow), TOKEN), false);
    for (const other of [undefined, null, 1, [], {}, { hooks: [] }, { hooks: { PreToolUse: 1 } }])
      assert.equal(isBlocking(other, TOKEN), false);
  });

  it('of a shared file hold no token', () => {
    const { token: _token, ...shared } = WANTED;
    const text = JSON.stringify(withHooks({}, shared));
    assert.ok(!text.includes('hok_'));
    assert.match(text, /"Authorization":"Bearer \$TALLY_HOOK_TOKEN"/);
  });
});
