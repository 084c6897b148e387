/** Models of the AI SDK whose answers a test writes, and whose streams it holds in its hand. */
import type { EmbeddingModel, LanguageModel } from 'ai';

type ModelOf<M> = Extract<Exclude<M, string>, { readonly specificationVersion: 'v4' }>;
type Language = ModelOf<LanguageModel>;
export type Answer = Awaited<ReturnType<Language['doGenerate']>>;
export type Part = Answer['content'][number];
type Streamed = Awaited<ReturnType<Language['doStream']>>;
export type StreamPart = Streamed['stream'] extends ReadableStream<infer P> ? P : never;

const USAGE: Answer['usage'] = {
  inputTokens: { total: 20, noCache: 20, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 7, text: 7, reasoning: 0 },
};

export const says = (text: string): Answer => ({
  content: [{ type: 'text', text }],
  finishReason: { unified: 'stop', raw: 'stop' },
  usage: USAGE,
  warnings: [],
});

export const wants = (...calls: readonly [name: string, input: unknown][]): Answer => ({
  content: calls.map(([toolName, input], i) => ({
    type: 'tool-call',
    toolCallId: `call_${i}_${toolName}`,
    toolName,
    input: JSON.stringify(input),
  })),
  finishReason: { unified: 'tool-calls', raw: 'tool_calls' },
  usage: USAGE,
  warnings: [],
});

const partsOf = (answer: Answer): StreamPart[] => [
  { type: 'stream-start', warnings: [] },
  ...answer.content.flatMap((part, i): StreamPart[] =>
    part.type === 'text'
      ? [
          { type: 'text-start', id: String(i) },
          { type: 'text-delta', id: String(i), delta: part.text },
          { type: 'text-end', id: String(i) },
        ]
      : [part as StreamPart],
  ),
  { type: 'finish', finishReason: answer.finishReason, usage: answer.usage },
];

const streamOf = (parts: readonly StreamPart[]): ReadableStream<StreamPart> =>
  new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });

/** Answers one after the other, whole or streamed; an error is thrown, a stream is handed on as it is. */
export function scripted(
  answers: readonly (Answer | Error | ReadableStream<StreamPart>)[],
): Language & { readonly asked: () => number } {
  let asked = 0;
  const next = (): Answer | ReadableStream<StreamPart> => {
    const answer = answers[asked++] ?? says('I have nothing more to say.');
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return {
    specificationVersion: 'v4',
    provider: 'test.chat',
    modelId: 'm1',
    supportedUrls: {},
    asked: () => asked,
    async doGenerate() {
      const answer = next();
      if (answer instanceof ReadableStream) throw new Error('it is a stream');
      return answer;
    },
    async doStream() {
      const answer = next();
      return { stream: answer instanceof ReadableStream ? answer : streamOf(partsOf(answer)) };
    },
  };
}

/** A stream that says some words, and then nothing until it is cancelled. */
export function halfSaid(words = 1): ReadableStream<StreamPart> {
  return new ReadableStream<StreamPart>({
    start(controller) {
      controller.enqueue({ type: 'stream-start', warnings: [] });
      controller.enqueue({ type: 'text-start', id: '0' });
      for (let i = 0; i < words; i++)
        controller.enqueue({ type: 'text-delta', id: '0', delta: `I was about to say ${i} ` });
    },
  });
}

export const embedder: ModelOf<EmbeddingModel> = {
  specificationVersion: 'v4',
  provider: 'test.embedding',
  modelId: 'e1',
  maxEmbeddingsPerCall: 2,
  supportsParallelCalls: true,
  doEmbed: async ({ values }) => ({
    embeddings: values.map(() => [0.1, 0.2]),
    usage: { tokens: values.length },
    warnings: [],
  }),
};
