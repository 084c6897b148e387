/** Calls of the AI SDK that pass every integration by, heard on its own channel. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { embed, generateText, streamText } from 'ai';
import { createHearing } from '../../src/plugins/ai/hearing.ts';
import { listenToAiSdk } from '../../src/plugins/ai-auto.ts';
import { until } from '../sdk/stage.ts';
import { embedder, says, scripted, wants } from './ai-models.ts';
import { doing, shape, stopWhen, type Told, told } from './ai-stage.ts';

async function listening(t: TestContext): Promise<Told> {
  const box = await told(t);
  const hear = createHearing({ tally: box.tally });
  t.after(listenToAiSdk(async () => ({ hear })));
  return box;
}

const passing = { integrations: [] };
const over = (box: Told, runs = 1) => until(() => box.entries('run.end').length === runs);

describe('the listener on the channel of the AI SDK', () => {
  it('tells of a call as its own word, and leaves alone what an integration records', async (t) => {
    const box = await listening(t);
    const ask = (telemetry: object) =>
      generateText({
        model: scripted([wants(['find', {}], ['refund', { amount: 500 }]), says('done')]),
        tools: { find: doing(() => 'found'), refund: doing(() => 'paid') },
        prompt: 'x',
        stopWhen,
        telemetry,
      });
    await ask(box.telemetry);
    await ask(passing);
    await over(box, 2);
    const [held, heard] = box.entries('run.start').map(({ run_id }) => run_id);
    assert.equal(box.entries('run.start').length, 2);
    assert.equal(shape(box, held).filter((line) => line === 'tool.call refund stop').length, 1);
    assert.deepEqual(shape(box, heard), [
      'run.start',
      'user.message',
      'model.call m1',
      'model.response m1 ok',
      'tool.call find',
      'tool.call refund',
      'tool.result find ok',
      'tool.result refund ok',
      'model.call m1',
      'model.response m1 ok',
      'run.end ok',
    ]);
    const [answer] = box.entries('model.response').filter(({ run_id }) => run_id === heard);
    assert.deepEqual(answer?.outcome?.usage, { input_tokens: 20, output_tokens: 7 });
    assert.equal(answer?.source.assurance, 'self_reported');
  });

  it('tells of streams, of questions without steps, and of what fails', async (t) => {
    const box = await listening(t);
    const { textStream } = streamText({ model: scripted([says('done')]), prompt: 'x', telemetry: passing });
    for await (const _ of textStream);
    await over(box);
    await embed({ model: embedder, value: 'words', telemetry: passing });
    await over(box, 2);
    await assert.rejects(
      generateText({
        model: scripted([new Error('the model is down')]),
        prompt: 'x',
        maxRetries: 0,
        telemetry: passing,
      }),
    );
    await over(box, 3);
    assert.deepEqual(
      box
        .entries('model.response')
        .map(({ action, outcome }) => [action?.name, outcome?.status, outcome?.error]),
      [
        ['m1', 'ok', undefined],
        ['e1', 'ok', undefined],
        ['m1', 'error', 'the model is down'],
      ],
    );
    assert.deepEqual(
      box.entries('run.end').map(({ outcome }) => outcome?.status),
      ['ok', 'ok', 'error'],
    );
  });

  it('tells of a call in a run as a part of it', async (t) => {
    const box = await listening(t);
    await box.tally.run({ workflow: 'outer' }, async () => {
      await generateText({ model: scripted([says('done')]), prompt: 'x', telemetry: passing });
      await until(() => box.entries('model.response').length === 1);
    });
    assert.equal(box.entries('run.start').length, 1);
    assert.deepEqual(shape(box).slice(2, 4), ['model.call m1', 'model.response m1 ok']);
  });
});
