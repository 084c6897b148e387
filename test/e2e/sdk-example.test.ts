/** The example agent against its scripted model, and what then stands in the log. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { play, QUESTION } from '../../examples/sdk/run.ts';
import { entriesIn } from '../fault/check.ts';
import { type Home, makeHome } from '../support/home.ts';

interface Stored {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  readonly phase: string;
  readonly run_id?: string;
  readonly step_id?: string;
  readonly parent_id?: string;
  readonly reason?: string;
  readonly action?: { readonly name: string; readonly key: string };
  readonly decision?: { readonly outcome: string; readonly rule?: string };
  readonly outcome?: { readonly status: string; readonly usage?: object };
  readonly source: { readonly surface: string; readonly assurance: string };
}

describe('the example agent', () => {
  let home: Home;
  let entries: readonly Stored[] = [];
  before(async () => {
    home = await makeHome();
    const { mkdir } = await import('node:fs/promises');
    await mkdir(home.paths.state, { recursive: true, mode: 0o700 });
    const answer = await play(home.paths.state);
    assert.match(answer, /refunded 100/);
    entries = (entriesIn(home.paths.state) as unknown as readonly Stored[]).filter(
      ({ source }) => source.surface === 'sdk',
    );
  });
  after(() => home.remove());

  it('leaves its names, its decisions and its ends, in their order', () => {
    assert.deepEqual(
      entries.map(({ type, phase, action, decision, outcome }) =>
        [type, phase, action?.name, decision?.outcome, outcome?.status]
          .filter((one) => one !== undefined)
          .join(' '),
      ),
      [
        'run.start point',
        'system.instruction point',
        'user.message point',
        'model.call pre_exec scripted-1',
        'model.response post_exec scripted-1 ok',
        'tool.call pre_exec order.find allow',
        'tool.result post_exec order.find ok',
        'model.call pre_exec scripted-1',
        'model.response post_exec scripted-1 ok',
        'tool.call pre_exec refund.create stop',
        'tool.result post_exec refund.create blocked',
        'model.call pre_exec scripted-1',
        'model.response post_exec scripted-1 ok',
        'tool.call pre_exec refund.create allow',
        'tool.result post_exec refund.create ok',
        'model.call pre_exec scripted-1',
        'model.response post_exec scripted-1 ok',
        'run.end point ok',
      ],
    );
    assert.equal(entries.find(({ decision }) => decision?.outcome === 'stop')?.decision?.rule, 'big-refund');
  });

  it('has one run, steps without a gap, and every end at its beginning', () => {
    const [start] = entries;
    assert.deepEqual([...new Set(entries.map(({ run_id }) => run_id))], [start?.run_id]);
    const begun = new Map(entries.map((entry) => [entry.id, entry]));
    for (const entry of entries.filter(({ phase }) => phase === 'post_exec')) {
      const before = begun.get(entry.parent_id ?? '');
      assert.equal(before?.phase, 'pre_exec');
      assert.equal(before?.step_id, entry.step_id);
      assert.equal(before?.action?.key, entry.action?.key);
      assert.equal(before?.parent_id, start?.id);
    }
    const steps = entries
      .filter(({ phase }) => phase !== 'post_exec')
      .flatMap(({ step_id }) => step_id ?? []);
    assert.deepEqual(
      steps,
      steps.map((_step, i) => String(i + 1)),
    );
    for (const { type, source } of entries)
      assert.equal(source.assurance, /^(tool|run)\./.test(type) ? 'enforced' : 'self_reported', type);
  });

  it('keeps the card and the address of its customer to itself', async () => {
    const acts = entries.filter(
      ({ action, phase }) => action?.name === 'refund.create' && phase === 'pre_exec',
    );
    assert.deepEqual(new Set(acts.map(({ reason }) => reason)), new Set(['asked for by [REDACTED:email]']));
    const message = entries.find(({ type }) => type === 'user.message');
    const { stdout } = await home.tally(['log', 'show', String(message?.index), '--payload']);
    assert.equal(stdout, QUESTION.replace('4111 1111 1111 1111', '[REDACTED:card]'));
  });

  it('is told as its README tells it, and verifies', async () => {
    const readme = await readFile(new URL('../../examples/sdk/README.md', import.meta.url), 'utf8');
    for (const { action, decision } of entries)
      if (decision !== undefined) assert.match(readme, new RegExp(`${action?.name} +${decision.outcome}`));
    const { code, stdout } = await home.tally(['verify', '--completeness']);
    assert.equal(code, 0, stdout);
    const replayed = await home.tally(['log', 'replay']);
    assert.match(replayed.stdout, /agree +3 decisions/);
  });

  it('reads as runs and events of another format, too', async () => {
    const { stdout } = await home.tally(['log', 'export', '--view', 'agentlogsafe', '--format', 'jsonl']);
    const kinds = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event_type: string }).event_type);
    assert.deepEqual(kinds.filter((kind) => kind !== 'custom').slice(0, 7), [
      'run_start',
      'system_instruction',
      'user_message',
      'model_call',
      'model_response',
      'tool_call',
      'tool_result',
    ]);
  });
});
