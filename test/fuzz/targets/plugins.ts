/** What frameworks tell our plug-ins: their own events, with values of programs and of models in them. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  abortOf,
  answersIn,
  callOf,
  causeOf,
  endOf,
  promptOf,
  providersTools,
  questionOf,
  said,
} from '../../../src/plugins/ai/told.ts';
import { nearlyText } from '../mutate.ts';
import { type Target, target } from '../target.ts';

const events = [
  '{"callId":"c","operationId":"ai.generateText","provider":"p","modelId":"m","instructions":"be kind","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"tools":[{"name":"find"}],"temperature":0.5}',
  '{"callId":"c","finishReason":{"unified":"error"},"usage":{"inputTokens":{"total":3},"outputTokens":2,"tokens":1},"responseId":"r","performance":{"responseTimeMs":1.5},"content":[{"type":"tool-call","providerExecuted":true,"toolCallId":"t","toolName":"search","input":{}},{"type":"tool-result","providerExecuted":true,"toolCallId":"t","output":1}]}',
  '{"messages":[{"role":"assistant","content":[{"type":"tool-call","toolCallId":"t","toolName":"pay"},{"type":"tool-approval-request","approvalId":"a","toolCallId":"t"}]},{"role":"tool","content":[{"type":"tool-approval-response","approvalId":"a","approved":true,"reason":"yes"}]}]}',
];

/** What was nearly an event, or anything at all. */
const told = fc.oneof(
  nearlyText(events).map((text): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }),
  fc.anything({ withNullPrototype: true, withMap: true, withBigInt: true, maxDepth: 4 }),
);

export const pluginTargets: readonly Target[] = [
  target('AI SDK: whatever it tells is told on', told, (value) => {
    const event = said(value);
    const call = callOf(event, promptOf(event), {});
    assert.ok(typeof call.model === 'string' && call.model !== '');
    const ended = endOf(event, event.content);
    for (const count of [ended.usage?.inputTokens, ended.usage?.outputTokens, ended.durationMs])
      assert.ok(count === undefined || typeof count === 'number');
    if (ended.status !== undefined) assert.notEqual(ended.error, undefined);
    questionOf(event);
    for (const { id, name } of providersTools(event.content))
      assert.ok(typeof id === 'string' && typeof name === 'string');
  }),
  target('AI SDK: an answer of a person is one to a request', told, (value) => {
    const { messages } = said(value);
    for (const { approved, tool } of answersIn(messages)) {
      assert.ok(typeof approved === 'boolean' && tool !== '');
      assert.ok(
        Array.isArray(messages) && JSON.stringify(messages.at(-1)).includes('tool-approval-response'),
      );
    }
  }),
  target('AI SDK: what was thrown has a reason', told, (value) => {
    assert.notEqual(causeOf(value), undefined);
    const cyclic = new Error('x');
    cyclic.cause = cyclic;
    assert.equal(causeOf(cyclic), cyclic);
    assert.match(abortOf(value, 'otherwise').name, /^(AbortError|TimeoutError)$/);
  }),
];
