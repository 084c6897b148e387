/** What the OpenAI Agents SDK and LangChain.js tell our plug-ins, with values of programs and of models in it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createConversation, type Message } from '../../../src/plugins/conversation.ts';
import { outputOf, errorOf as thrownOf } from '../../../src/plugins/langchain/handler.ts';
import * as langchain from '../../../src/plugins/langchain/models.ts';
import { parsed } from '../../../src/plugins/langchain/types.ts';
import * as openai from '../../../src/plugins/openai-agents/models.ts';
import { argsIn, errorOf, isObject } from '../../../src/plugins/openai-agents/types.ts';
import type { Usage } from '../../../src/sdk/types.ts';
import { nearlyText } from '../mutate.ts';
import { type Target, target } from '../target.ts';

const spans = [
  '{"type":"generation","model":"m","model_config":{"base_url":"http://127.0.0.1:1/v1","temperature":0.5},"input":[{"role":"system","content":"be kind"},{"role":"user","content":"hi"}],"output":[{"choices":[{"message":{"role":"assistant","content":"yes"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}]}',
  '{"type":"response","response_id":"r","_input":"hi","_response":{"model":"m","instructions":"be kind","output":[{"type":"message"}],"usage":{"input_tokens":3,"output_tokens":2}}}',
  '{"message":"Error running tool (non-fatal)","data":{"tool_name":"pay","error":"RangeError: out of order"}}',
];

const results = [
  '{"generations":[[{"text":"yes","message":{"type":"ai","content":"yes","tool_calls":[{"name":"pay","args":{"amount":1},"id":"c"}],"usage_metadata":{"input_tokens":3,"output_tokens":2}}}]],"llmOutput":{"tokenUsage":{"promptTokens":3,"completionTokens":2}}}',
  '{"id":["langchain","chat_models","openai","ChatOpenAI"],"invocation_params":{"model":"m","tools":[{}],"temperature":0},"ls_provider":"openai","ls_model_name":"m"}',
];

/** What was nearly told, or anything at all. */
const told = (lines: readonly string[]): fc.Arbitrary<unknown> =>
  fc.oneof(
    nearlyText(lines).map((text): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        return text;
      }
    }),
    fc.anything({ withNullPrototype: true, withMap: true, withBigInt: true, maxDepth: 4 }),
  );

function assertCounts(usage: Usage | undefined): void {
  for (const count of [usage?.inputTokens, usage?.outputTokens])
    assert.ok(count === undefined || typeof count === 'number');
}

const message: fc.Arbitrary<Message> = fc.record({
  role: fc.constantFrom('user', 'assistant', 'tool', 'system', 'other'),
  content: fc.anything({ withBigInt: true, maxDepth: 2 }),
});

export const heardTargets: readonly Target[] = [
  target('OpenAI Agents SDK: whatever a span says is told on', told(spans), (value) => {
    const data = isObject(value) ? value : { type: value };
    const call = openai.modelCallOf(data);
    assert.ok(typeof call.model === 'string' && call.model !== '');
    assert.ok(call.provider === undefined || typeof call.provider === 'string');
    const span = { traceId: 't', spanId: 's', parentId: null, startedAt: null, endedAt: null, error: null };
    const ended = openai.modelEndOf({ ...span, spanData: data }, undefined);
    assertCounts(ended.usage);
    assert.equal(ended.durationMs, undefined);
    for (const { role } of openai.messagesIn(data) ?? []) assert.equal(typeof role, 'string');
    const { name, message: why } = errorOf({ message: String(data.message), data });
    assert.ok(typeof name === 'string' && name !== '' && typeof why === 'string');
  }),
  target('arguments of models are what they are in JSON, or their text', nearlyText(spans), (text) => {
    const args = argsIn(text);
    const heard = parsed(text);
    if (typeof args === 'string' && args !== text) assert.equal(JSON.stringify(args).length > 0, true);
    assert.ok(heard === text || (typeof heard === 'object' && heard !== null));
    if (heard !== text) assert.deepEqual(heard, args);
  }),
  target('LangChain: whatever a callback is given is told on', told(results), (value) => {
    const call = langchain.modelCallOf(value, value, value, value);
    assert.ok(typeof call.model === 'string' && call.model !== '');
    assert.equal(Object.hasOwn(call.params ?? {}, 'tools'), false);
    assertCounts(langchain.answerIn(value).usage);
    assert.equal(typeof langchain.plain(value).role, 'string');
    assert.notEqual(thrownOf(value), undefined);
    outputOf(value);
  }),
  target('what a user said stands once, where it was said', fc.array(message, { maxLength: 12 }), (whole) => {
    const heard: unknown[] = [];
    const run = {
      userMessage: (content: unknown) => void heard.push(content),
      systemInstruction: () => undefined,
    };
    const conversation = createConversation();
    // As a model is asked: the conversation so far, each time one message longer.
    for (let i = 1; i <= whole.length; i++)
      conversation.heard(run as unknown as Parameters<typeof conversation.heard>[0], whole.slice(0, i));
    assert.deepEqual(
      heard,
      whole.filter(({ role }) => role === 'user').map(({ content }) => content),
    );
  }),
];
