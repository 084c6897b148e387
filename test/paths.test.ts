import assert from 'node:assert/strict';
import { test } from 'node:test';
import { locate } from '../src/paths.ts';

const at = { home: '/of/ada', tmp: '/tmp', uid: 1000 };

test('everything is below TALLY_HOME where it is set, else where XDG says', () => {
  const own = locate({ ...at, env: { TALLY_HOME: '/t' } });
  assert.deepEqual([own.state, own.policyFile], ['/t', '/t/tally.policy.yaml']);
  const xdg = locate({ ...at, env: { XDG_STATE_HOME: '/s', XDG_CONFIG_HOME: '/c', XDG_RUNTIME_DIR: '/r' } });
  assert.deepEqual(
    [xdg.state, xdg.policyFile, xdg.runtime],
    ['/s/tallystick', '/c/tallystick/tally.policy.yaml', '/r/tallystick'],
  );
});

test('a variable that is empty is one that is not set: nothing lies below the current directory', () => {
  const empty = { TALLY_HOME: '', XDG_STATE_HOME: '', XDG_CONFIG_HOME: '', XDG_RUNTIME_DIR: '' };
  assert.deepEqual(locate({ ...at, env: empty }), locate({ ...at, env: {} }));
});
