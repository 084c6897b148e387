/** Calls of the AI SDK, recorded and held, with models whose answers are written here. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { embed, embedMany, generateText, jsonSchema, registerTelemetry, type Tool } from 'ai';
import { recorder } from '../../src/plugins/ai/integration.ts';
import { tallyTelemetry } from '../../src/plugins/ai-sdk.ts';
import { until } from '../sdk/stage.ts';
import { embedder, says, scripted, wants } from './ai-models.ts';
import { doing, shape, stopWhen, told } from './ai-stage.ts';

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

  it('is a part of the run it is made in; two side by side do not mix, in runs or on their own', async (t) => {
    const box = await told(t);
    for (const isInRun of [true, false]) {
      const from = box.entries('run.start').length;
      let both = 0;
      const met = Promise.withResolvers<void>();
      const ask = (prompt: string) =>
        generateText({
          model: scripted([wants(['find', { prompt }]), says(prompt)]),
          tools: {
            find: doing(async () => {
              if (++both === 2) met.resolve();
              await met.promise;
              return box.tally.current()?.id;
            }),
          },
          prompt,
          stopWhen,
          telemetry: box.telemetry,
        });
      const answers = await Promise.all(
        ['one', 'two'].map((name) =>
          isInRun ? box.tally.run({ workflow: name }, () => ask(name)) : ask(name),
        ),
      );
      const runs = box
        .entries('run.start')
        .slice(from)
        .map(({ run_id }) => run_id);
      assert.deepEqual(new Set(answers.map(({ steps }) => steps[0]?.toolResults[0]?.output)), new Set(runs));
      for (const run of runs)
        assert.deepEqual(shape(box, run), [
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
    }
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

  it('is recorded by what its program registered, where tallystick/auto is there too', async (t) => {
    const box = await told(t);
    const before = globalThis.AI_SDK_TELEMETRY_INTEGRATIONS;
    t.after(() => {
      globalThis.AI_SDK_TELEMETRY_INTEGRATIONS = before;
    });
    const run = (agent: string) => ({ tally: box.tally, run: { agent } });
    globalThis.AI_SDK_TELEMETRY_INTEGRATIONS = [recorder(run('auto'), 'auto').telemetry];
    const ask = () => generateText({ model: scripted([says('done')]), prompt: 'x' });
    await ask();
    registerTelemetry(tallyTelemetry(run('own')));
    await ask();
    assert.deepEqual(
      box.entries('run.start').map(({ actor }) => actor?.agent_id),
      ['auto', 'own'],
    );
    assert.equal(box.entries('model.call').length, 2);
  });

  it('tells of a tool that could not be named that it failed, and does not carry it out', async (t) => {
    const box = await told(t, {
      action() {
        throw new TypeError('no name for it');
      },
    });
    await generateText({
      model: scripted([wants(['find', {}]), says('done')]),
      tools: { find: doing(() => assert.fail('it ran')) },
      prompt: 'x',
      stopWhen,
      telemetry: box.telemetry,
    });
    const [call] = box.entries('tool.call');
    const [result] = box.entries('tool.result');
    assert.deepEqual([call?.action?.name, call?.source.assurance], ['find', 'self_reported']);
    assert.deepEqual([result?.outcome?.status, result?.outcome?.error], ['error', 'no name for it']);
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
