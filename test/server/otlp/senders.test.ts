/** What OpenTelemetry's own exporters send, as entries. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bearer, stage } from '../api/stage.ts';
import { answered, type Encoding, inSpan, instrumented } from './agent.ts';

const told = (entries: ReturnType<Awaited<ReturnType<typeof stage>>['entries']>) =>
  entries.filter(({ source }) => source.surface === 'otlp');

/** What an entry says of the span or record that it was made of. */
const otlpOf = (entry: { readonly metadata?: Record<string, unknown> | undefined } | undefined) =>
  (entry?.metadata?.otlp ?? {}) as Readonly<Record<string, unknown>>;

for (const encoding of ['json', 'protobuf'] as const satisfies readonly Encoding[]) {
  describe(`spans in ${encoding}`, () => {
    it('become a run with the calls of its model and its tools, as the program’s own word', async (t) => {
      const { origin, entries } = await stage(t);
      const to = instrumented(origin, { encoding, compression: 'gzip' });
      const run = await answered(to);
      await to.flush();
      const own = told(entries());
      assert.deepEqual(
        own.map(({ type, phase, action, outcome }) => [type, phase, action?.name, outcome?.status]),
        [
          ['run.start', 'point', undefined, undefined],
          ['model.call', 'pre_exec', 'gpt-5', undefined],
          ['model.response', 'post_exec', 'gpt-5', 'ok'],
          ['tool.call', 'pre_exec', 'order.find', undefined],
          ['tool.result', 'post_exec', 'order.find', 'ok'],
          ['tool.call', 'pre_exec', 'mail.send', undefined],
          ['tool.result', 'post_exec', 'mail.send', 'error'],
          ['run.end', 'point', undefined, 'ok'],
        ],
      );
      for (const { source, run_id, quality, trace } of own) {
        assert.equal(source.assurance, 'self_reported');
        assert.equal(run_id, run);
        assert.equal(trace?.trace_id, run);
        assert.equal(quality?.run_id, 'asserted');
      }
      const [start, call, response, tool, , , failed, end] = own;
      assert.equal(start?.actor?.agent_id, 'support');
      assert.equal(start?.actor?.identity_level, 'declared');
      assert.equal(start?.session_id, 'conv_1');
      assert.equal(call?.parent_id, start?.id);
      assert.deepEqual(call?.action?.target, { host: 'api.openai.example', port: 443 });
      assert.deepEqual([call?.metadata?.provider, call?.metadata?.model], ['openai', 'gpt-5']);
      assert.deepEqual(response?.outcome?.usage, { input_tokens: 120, output_tokens: 8 });
      assert.deepEqual(response?.metadata?.response, {
        model: 'gpt-5-0613',
        id: 'resp_1',
        finish_reasons: ['tool_call'],
      });
      assert.match(tool?.action?.args_hash ?? '', /^[0-9a-f]{64}$/);
      assert.equal(tool?.actor?.agent_id, 'support', 'a step is of the agent that it is in');
      assert.deepEqual(
        [failed?.outcome?.error_kind, failed?.outcome?.error],
        ['TypeError', 'no such address'],
      );
      assert.equal(end?.parent_id, start?.id);
      assert.ok((end?.outcome?.duration_ms ?? -1) >= 0);
      const text = JSON.stringify(own);
      for (const content of ['where is my order', 'o_1', 'sent"'])
        assert.ok(!text.includes(content), `${content} is content, and in no entry`);
    });

    it('are on record once, however often they are sent', async (t) => {
      const { origin, entries } = await stage(t);
      const bodies: { readonly body: Buffer; readonly type: string }[] = [];
      const { createServer } = await import('node:http');
      const between = createServer((request, response) => {
        const parts: Buffer[] = [];
        request.on('data', (part: Buffer) => parts.push(part));
        request.on('end', () => {
          bodies.push({ body: Buffer.concat(parts), type: String(request.headers['content-type']) });
          response.writeHead(200, { 'content-type': String(request.headers['content-type']) }).end();
        });
      });
      await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
      t.after(() => between.close());
      const { port } = between.address() as { port: number };
      const to = instrumented(`http://127.0.0.1:${port}`, { encoding });
      await answered(to);
      await to.flush();
      const [first] = bodies;
      assert.ok(first);
      const send = () =>
        fetch(`${origin}/v1/traces`, {
          method: 'POST',
          headers: { 'content-type': first.type },
          body: new Uint8Array(first.body),
        });
      assert.equal((await send()).status, 200);
      const once = told(entries()).length;
      assert.equal(once, 8);
      assert.equal((await send()).status, 200);
      assert.equal(told(entries()).length, once);
    });

    it('come in front of their parents when they are sent one by one, and are of one run all the same', async (t) => {
      const { origin, entries } = await stage(t);
      const to = instrumented(origin, { encoding, oneByOne: true });
      const run = await answered(to);
      await to.flush();
      const own = told(entries());
      assert.deepEqual(own.map(({ type }) => type).sort(), [
        'model.call',
        'model.response',
        'run.end',
        'run.start',
        'tool.call',
        'tool.call',
        'tool.result',
        'tool.result',
      ]);
      for (const entry of own) assert.equal(entry.run_id, run);
      const call = own.find(({ type }) => type === 'model.call');
      const start = own.find(({ type }) => type === 'run.start');
      assert.equal(otlpOf(call).parent_span_id, start?.trace?.span_id, 'what it is in is still said');
    });
  });

  describe(`log records in ${encoding}`, () => {
    it('become messages, notes, errors and events of the programs', async (t) => {
      const { origin, entries } = await stage(t);
      const to = instrumented(origin, { encoding });
      to.logger.emit({ eventName: 'gen_ai.system.message', body: { content: 'be kind' } });
      to.logger.emit({ eventName: 'gen_ai.user.message', body: { content: 'hello' } });
      to.logger.emit({ eventName: 'gen_ai.choice', body: { message: 'hi' } });
      to.logger.emit({
        eventName: 'gen_ai.client.inference.operation.details',
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'anthropic',
          'gen_ai.request.model': 'claude',
          'gen_ai.usage.input_tokens': 3,
          'gen_ai.input.messages': [{ role: 'user', parts: [{ type: 'text', content: 'deep' }] }] as never,
        },
      });
      to.logger.emit({
        severityNumber: 17,
        severityText: 'ERROR',
        body: 'it broke',
        attributes: { 'error.type': 'E' },
      });
      to.logger.emit({ body: 'just a line', attributes: { n: 1 } });
      await to.flush();
      const own = told(entries());
      assert.deepEqual(
        own.map(({ type, phase, action }) => [type, phase, action?.name]),
        [
          ['system.instruction', 'point', undefined],
          ['user.message', 'point', undefined],
          ['step.note', 'point', 'gen_ai.choice'],
          ['model.call', 'pre_exec', 'claude'],
          ['model.response', 'post_exec', 'claude'],
          ['error', 'point', 'log'],
          ['custom', 'point', 'log'],
        ],
      );
      assert.deepEqual(own[4]?.outcome?.usage, { input_tokens: 3 });
      assert.equal(own[5]?.outcome?.error_kind, 'E');
      assert.deepEqual(otlpOf(own[6]).attributes, { n: 1 });
      const text = JSON.stringify(own);
      for (const content of ['be kind', 'hello', 'deep', 'it broke', 'just a line'])
        assert.ok(!text.includes(content), `${content} is content, and in no entry`);
    });
  });
}

describe('who sends', () => {
  it('is the agent of its token, whatever the resource says', async (t) => {
    const box = await stage(t, { mayRead: async () => false });
    const token = await box.token('bookkeeper');
    const to = instrumented(box.origin, { encoding: 'protobuf', headers: bearer(token) });
    await answered(to);
    await to.flush();
    const [start] = told(box.entries());
    assert.deepEqual(
      [start?.actor?.agent_id, start?.actor?.identity_level, start?.quality?.['actor.agent_id']],
      ['bookkeeper', 'issued', undefined],
    );
    assert.equal(otlpOf(start).agent, 'support', 'its own word is kept');
  });

  it('speaks for the run of its token, and neither begins nor ends it', async (t) => {
    const { origin, handle, entries, ask } = await stage(t);
    const run = await handle('run.start', { agent_id: 'worker' }, { surface: 'cli' });
    const to = instrumented(origin, { encoding: 'json', headers: bearer(run.token) });
    await answered(to);
    await to.flush();
    const own = told(entries());
    assert.deepEqual([own[0]?.type, own[0]?.action?.name], ['custom', 'invoke_agent']);
    for (const entry of own) assert.equal(entry.run_id, run.run_id);
    const still = await ask('/v1/decisions', { action: { name: 'x' } }, bearer(run.token));
    assert.notEqual(still.body.decision.reason, 'run_ended');
  });

  it('gets one run for a trace: an agent inside of another one is a step', async (t) => {
    const { origin, entries } = await stage(t);
    const to = instrumented(origin, { encoding: 'json' });
    const agent = (name: string) => ({ 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': name });
    await inSpan(to, 'outer', agent('outer'), (outer) =>
      inSpan(
        to,
        'inner',
        agent('inner'),
        (inner) => inSpan(to, 'execute_tool x', { 'gen_ai.operation.name': 'execute_tool' }, () => 1, inner),
        outer,
      ),
    );
    await to.flush();
    const own = told(entries());
    assert.deepEqual(
      own.map(({ type, actor }) => [type, actor?.agent_id]),
      [
        ['run.start', 'outer'],
        ['custom', 'inner'],
        ['tool.call', 'inner'],
        ['tool.result', 'inner'],
        ['custom', 'inner'],
        ['run.end', 'outer'],
      ],
    );
  });
});
