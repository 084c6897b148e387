/** Streams of the AI SDK that end, are aborted, or are left; and what holds when nobody records. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { embed, experimental_streamTextLowMemory, generateText, streamText } from 'ai';
import { PLUGIN_LIMITS } from '../../src/core/limits/plugins.ts';
import { until } from '../sdk/stage.ts';
import { embedder, halfSaid, says, scripted, wants } from './ai-models.ts';
import { doing, shape, stopWhen, told } from './ai-stage.ts';

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

  it('that is aborted while a tool waits for a person ends at once, and the tool does not run', async (t) => {
    const box = await told(t);
    const controller = new AbortController();
    const outer = box.tally.run(async () => {
      const { fullStream } = streamText({
        model: scripted([wants(['ask', {}])]),
        tools: { ask: doing(() => assert.fail('it ran')) },
        prompt: 'x',
        stopWhen,
        abortSignal: controller.signal,
        telemetry: box.telemetry,
      });
      for await (const part of fullStream) if (part.type === 'abort') return;
    });
    await until(() => box.entries('approval.request').length === 1 || box.entries('tool.call').length === 1);
    controller.abort();
    await outer;
    await box.answer('grant');
    assert.deepEqual(
      box.entries('tool.result').map(({ outcome }) => outcome?.status),
      ['pending'],
    );
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

  it('that is dropped unread ends as aborted, when the garbage collector finds it', async (t) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const box = await told(t);
    await (async () => {
      const { fullStream } = streamText({
        model: scripted([halfSaid()]),
        prompt: 'x',
        telemetry: box.telemetry,
      });
      for await (const part of fullStream) if (part.type === 'text-delta') break;
    })();
    await until(() => {
      collect();
      return box.entries('run.end').length === 1;
    });
    assert.deepEqual(shape(box).slice(2), ['model.call m1', 'model.response m1 aborted', 'run.end aborted']);
    assert.equal(box.entries('run.end')[0]?.outcome?.error, 'nobody reads its stream any more');
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

  it('what cannot be held goes on, and is warned of', async (t) => {
    const box = await told(t);
    await box.down();
    const warn = t.mock.method(process, 'emitWarning', () => undefined);
    await embed({ model: embedder, value: 'words', telemetry: box.telemetry });
    assert.match(String(warn.mock.calls[0]?.arguments[0]), /^NOT RECORDED: ai\.embed goes on/);
  });
});
