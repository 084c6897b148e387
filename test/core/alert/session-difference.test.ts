/** The alert for sessions of coding agents whose record and transcripts differ. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/core/json.ts';
import { ruleOf, story } from './story.ts';

const check = (run: string, metadata: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'session.check',
  phase: 'point',
  run_id: run,
  actor: { agent_id: 'claude-code' },
  source: { surface: 'hook', assurance: 'observed' },
  metadata,
  ...more,
});

test('what one side has and the other has not is told once a session, and what a client says is no finding', () => {
  const s = story([ruleOf('{ name: differs, kind: session_difference }')]);
  s.add(0, check('s1', { compared: 4 }));
  s.add(
    1,
    check('s2', { missing_from_record_count: 2, missing_from_record: [{ tool: 'Write' }, { tool: 'Bash' }] }),
  );
  s.add(2, check('s2', { missing_from_record_count: 1 }));
  s.add(3, check('s3', { missing_from_transcript_count: 1 }));
  s.add(
    4,
    check('s4', { missing_from_record_count: 1 }, { source: { surface: 'sdk', assurance: 'self_reported' } }),
  );
  const raised = s.took().flatMap((action) => (action.do === 'raise' ? [action.message] : []));
  assert.deepEqual(raised, [
    'the session s2 of claude-code: 2 calls ran and are on no record: Write, Bash. tally log show 1',
    'the session s3 of claude-code: one call on record is not in its transcript. tally log show 3',
  ]);
});
