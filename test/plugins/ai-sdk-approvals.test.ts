/** The AI SDK's own way of asking, by our policy. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateText, type ModelMessage, streamText, type Tool } from 'ai';
import { tallyToolApproval } from '../../src/plugins/ai-sdk.ts';
import { until } from '../sdk/stage.ts';
import { says, scripted, wants } from './ai-models.ts';
import { doing, shape, stopWhen, type Told, told } from './ai-stage.ts';

describe('toolApproval by the policy', () => {
  const ask = async (
    box: Told,
    messages: ModelMessage[],
    calls: readonly [string, unknown][],
    ran: string[],
  ) => {
    return generateText({
      model: scripted(calls.length === 0 ? [says('done')] : [wants(...calls), says('done')]),
      tools: {
        find: doing(() => ran.push('find')),
        refund: doing(() => ran.push('refund')),
        ask: doing(() => ran.push('ask')),
        sure: { ...doing(() => ran.push('sure')), needsApproval: true } as Tool,
      },
      messages,
      toolApproval: tallyToolApproval(),
      stopWhen,
      telemetry: box.telemetry,
    });
  };
  const question: ModelMessage = { role: 'user', content: 'go' };

  it('decides once: what is allowed runs in the action that was begun, what is stopped is denied', async (t) => {
    const box = await told(t);
    const ran: string[] = [];
    const { steps } = await ask(
      box,
      [question],
      [
        ['find', {}],
        ['refund', { amount: 500 }],
      ],
      ran,
    );
    assert.deepEqual(ran, ['find']);
    assert.deepEqual(
      shape(box)
        .filter((line) => line.startsWith('tool.'))
        .sort(),
      ['tool.call find allow', 'tool.call refund stop', 'tool.result find ok', 'tool.result refund blocked'],
    );
    const denied = steps[0]?.content.find((part) => part.type === 'tool-approval-response');
    assert.equal(denied?.approved, false);
    assert.match(String(denied?.reason), /refund is stopped/);
  });

  it('decides a stream’s tools once, too', async (t) => {
    const box = await told(t);
    const ran: string[] = [];
    const { fullStream } = streamText({
      model: scripted([wants(['find', {}], ['refund', { amount: 500 }]), says('done')]),
      tools: { find: doing(() => ran.push('find')), refund: doing(() => ran.push('refund')) },
      prompt: 'x',
      toolApproval: tallyToolApproval(),
      stopWhen,
      telemetry: box.telemetry,
    });
    for await (const part of fullStream) assert.notEqual(part.type, 'error');
    assert.deepEqual(ran, ['find']);
    await until(() => box.entries('run.end').length === 1);
    assert.deepEqual(
      shape(box)
        .filter((line) => line.startsWith('tool.'))
        .sort(),
      ['tool.call find allow', 'tool.call refund stop', 'tool.result find ok', 'tool.result refund blocked'],
    );
  });

  it('asks a person in the framework’s way; only a grant in the log lets it go on', async (t) => {
    const box = await told(t);
    const ran: string[] = [];
    const first = await ask(box, [question], [['ask', { what: 1 }]], ran);
    const request = first.content.find((part) => part.type === 'tool-approval-request');
    assert.ok(request?.type === 'tool-approval-request');
    assert.match(String(request.reason), /tally approvals approve/);
    const answered = (approved: boolean): ModelMessage[] => [
      question,
      ...first.responseMessages,
      {
        role: 'tool',
        content: [
          { type: 'tool-approval-response', approvalId: request.approvalId, approved, reason: 'the boss' },
        ],
      },
    ];
    // The program says that somebody agreed; the log knows of nobody.
    await ask(box, answered(true), [], ran);
    assert.deepEqual(ran, []);
    await box.answer('grant');
    await ask(box, answered(true), [], ran);
    assert.deepEqual(ran, ['ask']);
    await ask(box, answered(false), [], ran);
    assert.deepEqual(ran, ['ask']);
    assert.deepEqual(
      box
        .entries('custom')
        .filter(({ action }) => action?.name === 'human.approval')
        .map(({ metadata, reason, source }) => [
          metadata?.what,
          metadata?.approved,
          reason,
          source.assurance,
        ]),
      [
        ['ask', true, 'the boss', 'self_reported'],
        ['ask', true, 'the boss', 'self_reported'],
        ['ask', false, 'the boss', 'self_reported'],
      ],
    );
    assert.deepEqual(
      box.entries('tool.call').map(({ decision }) => decision?.outcome),
      ['approval_required', 'approval_required', 'allow'],
    );
  });

  it('keeps what a tool wants to ask for itself, and says what was allowed and not done', async (t) => {
    const box = await told(t);
    const ran: string[] = [];
    const { content } = await ask(box, [question], [['sure', {}]], ran);
    assert.ok(content.some(({ type }) => type === 'tool-approval-request'));
    assert.equal(box.entries('tool.call').length, 0);
    const model = scripted([{ ...wants(['find', {}]), finishReason: { unified: 'length', raw: 'length' } }]);
    await generateText({
      model,
      tools: { find: doing(() => ran.push('find')) },
      prompt: 'x',
      toolApproval: tallyToolApproval(),
      telemetry: box.telemetry,
    });
    assert.deepEqual(ran, []);
    assert.deepEqual(
      box.entries('tool.result').map(({ outcome }) => [outcome?.status, outcome?.error]),
      [['aborted', 'it was allowed, and the framework did not carry it out']],
    );
  });

  it('fails with what to do where the call is not recorded', async () => {
    await assert.rejects(
      generateText({
        model: scripted([wants(['find', {}])]),
        tools: { find: doing(() => 1) },
        prompt: 'x',
        toolApproval: tallyToolApproval(),
      }),
      /registerTelemetry|no recorded call/,
    );
  });
});
