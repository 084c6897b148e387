/** The AI SDK, recorded and held, with models whose answers are written here. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  embed,
  embedMany,
  experimental_streamTextLowMemory,
  generateText,
  isStepCount,
  jsonSchema,
  type ModelMessage,
  streamText,
  type Telemetry,
  type Tool,
  tool,
} from 'ai';
import { PLUGIN_LIMITS } from '../../src/core/limits/plugins.ts';
import { type TallyTelemetryOptions, tallyTelemetry } from '../../src/plugins/ai-sdk.ts';
import { type Stage, stage, until } from '../sdk/stage.ts';
import { embedder, halfSaid, says, scripted, wants } from './ai-models.ts';

const POLICY = `version: "1"
allowlist: []
facts: { amount: args.amount }
tools:
  find: {}
  refund: {}
  ask: {}
rules:
  - { id: big, when: 'action.name == "refund" && facts.amount > 100', decision: stop, reason: refund_over_limit }
  - { id: person, when: 'action.name == "ask"', decision: approval_required, reason: ask_first }
approvals: { approver_may_be_requester: true, hold: 20s }
`;

interface Told extends Stage {
  readonly telemetry: { readonly integrations: Telemetry; readonly [option: string]: unknown };
}

async function told(t: TestContext, options: TallyTelemetryOptions = {}, staged = {}): Promise<Told> {
  const box = await stage(t, { policy: POLICY, ...staged });
  return { ...box, telemetry: { integrations: tallyTelemetry({ tally: box.tally, ...options }) } };
}

const doing = <I>(execute: (input: I) => unknown): Tool<I, unknown> =>
  tool({
    inputSchema: jsonSchema<I>({ type: 'object' }),
    execute: async (input) => execute(input as I),
  }) as Tool<I, unknown>;

const shape = ({ entries }: Stage, run?: string) =>
  entries()
    .filter(({ run_id }) => run === undefined || run_id === run)
    .map(({ type, action, decision, outcome }) =>
      [type, action?.name, decision?.outcome, outcome?.status].filter((x) => x !== undefined).join(' '),
    );

const stopWhen = isStepCount(6);

describe('a call of the AI SDK', () => {
  it('is a run: what was asked and said, each tool decided before it runs, one end for each beginning', async (t) => {
    const box = await told(t, { run: { agent: 'desk', user: 'ada' } });
    const done: unknown[] = [];
    const { text } = await generateText({
      model: scripted([wants(['refund', { amount: 140 }]), wants(['refund', { amount: 90 }]), says('done')]),
      tools: { refund: doing((input) => done.push(input)) },
      instructions: 'be kind',
      prompt: 'my money back',
      stopWhen,
      telemetry: { ...box.telemetry, functionId: 'refunds' },
    });
    assert.equal(text, 'done');
    assert.deepEqual(done, [{ amount: 90 }]);
    assert.deepEqual(shape(box), [
      'run.start',
      'system.instruction',
      'user.message',
      'model.call m1',
      'model.response m1 ok',
      'tool.call refund stop',
      'tool.result refund blocked',
      'model.call m1',
      'model.response m1 ok',
      'tool.call refund allow',
      'tool.result refund ok',
      'model.call m1',
      'model.response m1 ok',
      'run.end ok',
    ]);
    const [start] = box.entries('run.start');
    assert.equal(start?.actor?.agent_id, 'desk');
    assert.equal(start?.metadata?.workflow_name, 'refunds');
    const [call] = box.entries('model.call');
    const [answer] = box.entries('model.response');
    assert.equal(call?.metadata?.provider, 'test.chat');
    assert.deepEqual(answer?.outcome?.usage, { input_tokens: 20, output_tokens: 7 });
    assert.equal(answer?.metadata?.finish, 'tool-calls');
    for (const { type, source } of box.entries())
      assert.equal(source.assurance, /^(tool|run)\./.test(type) ? 'enforced' : 'self_reported', type);
    for (const entry of box.entries())
      if (!/^run\./.test(entry.type) && entry.phase !== 'post_exec')
        assert.deepEqual([entry.metadata?.call_id, entry.parent_id], [call?.metadata?.call_id, start?.id]);
  });

  it('inside of a run is a part of it; two side by side do not mix', async (t) => {
    const box = await told(t);
    let both = 0;
    const met = Promise.withResolvers<void>();
    const ask = (name: string) =>
      box.tally.run({ workflow: name }, () =>
        generateText({
          model: scripted([wants(['find', { name }]), says(name)]),
          tools: {
            find: doing(async () => {
              if (++both === 2) met.resolve();
              await met.promise;
              return box.tally.current()?.id;
            }),
          },
          prompt: name,
          stopWhen,
          telemetry: box.telemetry,
        }),
      );
    await Promise.all([ask('one'), ask('two')]);
    const starts = box.entries('run.start');
    assert.equal(starts.length, 2);
    for (const { run_id } of starts)
      assert.deepEqual(shape(box, run_id), [
        'run.start',
        'user.message',
        'model.call m1',
        'model.response m1 ok',
        'tool.call find allow',
        'tool.result find ok',
        'model.call m1',
        'model.response m1 ok',
        'run.end ok',
      ]);
  });

  it('in a tool of another one is a run within it', async (t) => {
    const box = await told(t);
    await generateText({
      model: scripted([wants(['find', {}]), says('outer')]),
      tools: {
        find: doing(async () => {
          await embed({ model: embedder, value: 'words', telemetry: box.telemetry });
          const { text } = await generateText({
            model: scripted([says('inner')]),
            prompt: 'look',
            telemetry: box.telemetry,
          });
          return text;
        }),
      },
      prompt: 'go',
      stopWhen,
      telemetry: box.telemetry,
    });
    const [outer, inner] = box.entries('run.start');
    assert.equal(box.entries('run.start').length, 2);
    assert.equal(inner?.metadata?.within, outer?.run_id);
    assert.deepEqual(shape(box, inner?.run_id), [
      'run.start',
      'user.message',
      'model.call m1',
      'model.response m1 ok',
      'run.end ok',
    ]);
    // One question to a model is no agent: it belongs to the tool that asked it.
    const act = box.entries('tool.call')[0];
    const vectors = box.entries('model.call').find(({ action }) => action?.name === 'e1');
    assert.deepEqual([vectors?.run_id, vectors?.parent_id], [outer?.run_id, act?.id]);
  });

  it('carries out several tools at once, each with its own decision, result and error', async (t) => {
    const box = await told(t);
    const model = scripted([
      wants(['find', { a: 1 }], ['refund', { amount: 500 }], ['broken', {}]),
      says('done'),
    ]);
    const { steps } = await generateText({
      model,
      tools: {
        find: doing(() => 'found'),
        refund: doing(() => assert.fail('it was stopped')),
        broken: doing(() => {
          throw new RangeError('out of it');
        }),
      },
      prompt: 'all of it',
      stopWhen,
      telemetry: box.telemetry,
    });
    const errors = steps[0]?.content.flatMap((part) => (part.type === 'tool-error' ? [part] : [])) ?? [];
    assert.deepEqual(
      errors.map(({ toolName, error }) => [toolName, (error as { code?: string }).code ?? String(error)]),
      [
        ['refund', 'STOPPED'],
        ['broken', 'RangeError: out of it'],
      ],
    );
    const ends = box.entries('tool.result').map(({ action, outcome }) => [action?.name, outcome?.status]);
    assert.deepEqual(
      new Map(ends as [string, string][]),
      new Map([
        ['find', 'ok'],
        ['refund', 'blocked'],
        ['broken', 'error'],
      ]),
    );
  });

  it('waits for a person as long as the policy holds, and goes on with the answer', async (t) => {
    const box = await told(t);
    const asking = generateText({
      model: scripted([wants(['ask', { what: 'this' }]), says('done')]),
      tools: { ask: doing(() => 'asked') },
      prompt: 'ask',
      stopWhen,
      telemetry: box.telemetry,
    });
    await until(() => box.entries('approval.request').length === 1 || box.entries('tool.call').length === 1);
    await box.answer('grant');
    const { steps } = await asking;
    assert.equal(steps[0]?.toolResults[0]?.output, 'asked');
    assert.deepEqual(
      box.entries('tool.call').map(({ decision }) => decision?.outcome),
      ['approval_required', 'allow'],
    );
  });

  it('whose model fails is told with its error; one that is aborted, as aborted', async (t) => {
    const box = await told(t);
    const model = scripted([new Error('the model is down')]);
    await assert.rejects(
      generateText({ model, prompt: 'x', maxRetries: 0, telemetry: box.telemetry }),
      /the model is down/,
    );
    const controller = new AbortController();
    controller.abort();
    await assert.rejects(
      generateText({
        model: scripted([Object.assign(new Error('stopped'), { name: 'AbortError' })]),
        prompt: 'x',
        maxRetries: 0,
        abortSignal: controller.signal,
        telemetry: box.telemetry,
      }),
    );
    assert.deepEqual(
      box.entries('run.end').map(({ outcome }) => [outcome?.status, outcome?.error]),
      [
        ['error', 'the model is down'],
        ['aborted', 'stopped'],
      ],
    );
    assert.deepEqual(
      box.entries('model.response').map(({ outcome }) => outcome?.status),
      ['error', 'aborted'],
    );
  });

  it('tells what the provider carried out itself, and that it did', async (t) => {
    const box = await told(t);
    const own = wants(['search', { q: 'weather' }]);
    const content = own.content.map((part) => ({ ...part, providerExecuted: true }) as typeof part);
    const [call] = content;
    assert.ok(call?.type === 'tool-call');
    await generateText({
      model: scripted([
        {
          ...says('sunny'),
          content: [
            ...content,
            { type: 'tool-result', toolCallId: call.toolCallId, toolName: 'search', result: { sky: 'blue' } },
            { type: 'text', text: 'sunny' },
          ],
        },
      ]),
      tools: {
        search: {
          type: 'provider',
          id: 'test.search',
          isProviderExecuted: true,
          args: {},
          inputSchema: jsonSchema({}),
        } as Tool,
      },
      prompt: 'weather?',
      telemetry: box.telemetry,
    });
    const [asked] = box.entries('tool.call');
    const [given] = box.entries('tool.result');
    assert.equal(asked?.decision, undefined);
    assert.deepEqual(
      [asked?.source.assurance, asked?.metadata?.provider_executed, given?.outcome?.status],
      ['self_reported', true, 'ok'],
    );
  });

  it('has embeddings as questions to a model, their vectors counted', async (t) => {
    const box = await told(t);
    await embedMany({ model: embedder, values: ['a', 'b', 'c'], telemetry: box.telemetry });
    assert.deepEqual(shape(box), [
      'run.start',
      'model.call e1',
      'model.call e1',
      'model.response e1 ok',
      'model.response e1 ok',
      'run.end ok',
    ]);
    assert.deepEqual(
      box.entries('model.response').map(({ outcome }) => outcome?.usage?.input_tokens),
      [2, 1],
    );
  });

  it('is recorded once, however often an integration is registered', async (t) => {
    const box = await told(t);
    const twice = [box.telemetry.integrations, tallyTelemetry({ tally: box.tally })];
    let ran = 0;
    await generateText({
      model: scripted([wants(['find', {}]), says('done')]),
      tools: { find: doing(() => ++ran) },
      prompt: 'x',
      stopWhen,
      telemetry: { integrations: twice },
    });
    assert.equal(ran, 1);
    assert.equal(box.entries('run.start').length, 1);
    assert.equal(box.entries('tool.call').length, 1);
    assert.equal(box.entries('model.call').length, 2);
  });

  it('names actions as its program says, and keeps what is hidden from telemetry', async (t) => {
    const box = await told(t, {
      action: ({ toolName, input }) => ({
        name: toolName === 'pay' ? 'refund' : toolName,
        reason: input === undefined ? 'unseen' : 'seen',
      }),
    });
    const done: unknown[] = [];
    await generateText({
      model: scripted([wants(['pay', { amount: 5 }], ['find', { secret: 'word' }]), says('done')]),
      tools: { pay: doing((input) => done.push(input)), find: doing((input) => done.push(input)) },
      prompt: 'hidden words',
      stopWhen,
      telemetry: { ...box.telemetry, recordInputs: false, recordOutputs: false },
    });
    // The rule for refunds needs the amount, and nobody told it.
    assert.deepEqual(done, [{ secret: 'word' }]);
    assert.deepEqual(
      box
        .entries('tool.call')
        .map(({ action, decision, reason, payload }) => [action?.name, decision?.reason, reason, payload]),
      [
        ['refund', 'args_unavailable', 'unseen', undefined],
        ['find', undefined, 'unseen', undefined],
      ],
    );
    assert.equal(box.entries('user.message').length, 0);
  });
});

describe('a stream of the AI SDK', () => {
  it('is recorded as a call in one piece is', async (t) => {
    const box = await told(t);
    const { textStream } = streamText({
      model: scripted([wants(['find', {}]), says('done')]),
      tools: { find: doing(() => 'found') },
      prompt: 'x',
      stopWhen,
      telemetry: box.telemetry,
    });
    let text = '';
    for await (const part of textStream) text += part;
    assert.equal(text, 'done');
    await until(() => box.entries('run.end').length === 1);
    assert.deepEqual(shape(box), [
      'run.start',
      'user.message',
      'model.call m1',
      'model.response m1 ok',
      'tool.call find allow',
      'tool.result find ok',
      'model.call m1',
      'model.response m1 ok',
      'run.end ok',
    ]);
  });

  it('that is aborted in the middle ends as aborted, its model too', async (t) => {
    const box = await told(t);
    const controller = new AbortController();
    const { fullStream } = streamText({
      model: scripted([halfSaid()]),
      prompt: 'x',
      abortSignal: controller.signal,
      telemetry: box.telemetry,
    });
    for await (const part of fullStream) if (part.type === 'text-delta') controller.abort();
    await until(() => box.entries('run.end').length === 1);
    assert.deepEqual(shape(box).slice(2), ['model.call m1', 'model.response m1 aborted', 'run.end aborted']);
  });

  it('whose reader goes away ends as aborted, while the model is waited for and while it speaks', async (t) => {
    const box = await told(t);
    for (const words of [1, 100]) {
      const { stream } = experimental_streamTextLowMemory({
        model: scripted([halfSaid(words)]),
        prompt: 'x',
        telemetry: box.telemetry,
      });
      for await (const part of stream) if (part.type === 'text-delta') break;
    }
    const from = performance.now();
    await until(() => box.entries('run.end').length === 2);
    assert.ok(performance.now() - from < 3 * PLUGIN_LIMITS.pluginCancelMs);
    for (const { run_id } of box.entries('run.start'))
      assert.deepEqual(shape(box, run_id).slice(2), [
        'model.call m1',
        'model.response m1 aborted',
        'run.end aborted',
      ]);
  });
});

describe('without a recorder', () => {
  it('no model is asked and no tool runs, where the failure mode is closed', async (t) => {
    const box = await told(t);
    await box.down();
    const model = scripted([says('x')]);
    await assert.rejects(
      generateText({ model, prompt: 'x', maxRetries: 0, telemetry: box.telemetry }),
      (error: { code?: string }) => error.code === 'RECORDER_UNAVAILABLE',
    );
    assert.equal(model.asked(), 0);
  });
});

describe('toolApproval by the policy', () => {
  const ask = async (
    box: Told,
    messages: ModelMessage[],
    calls: readonly [string, unknown][],
    ran: string[],
  ) => {
    const { tallyToolApproval } = await import('../../src/plugins/ai-sdk.ts');
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
    const { tallyToolApproval } = await import('../../src/plugins/ai-sdk.ts');
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
    const { tallyToolApproval } = await import('../../src/plugins/ai-sdk.ts');
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
