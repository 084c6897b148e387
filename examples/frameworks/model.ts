/**
 * A model that says what it was told to say, on this machine: the same every time, without a key and without a
 * network. It speaks OpenAI's chat completions, whole and streamed, which every framework here can be pointed at.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Said {
  readonly text?: string;
  /** More than one is asked for at once. */
  readonly tools?: readonly { readonly name: string; readonly args: Readonly<Record<string, unknown>> }[];
}

export interface Model {
  /** What frameworks call the base URL. */
  readonly url: string;
  /** The bodies of the requests so far, in order: what the agent said to its model. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

interface Turn {
  readonly number: number;
  readonly message: Readonly<Record<string, unknown>>;
  readonly finish: 'tool_calls' | 'stop';
}

const USAGE = { prompt_tokens: 20, completion_tokens: 7, total_tokens: 27 };

/** Answers one after the other. */
export async function serveModel(script: readonly Said[]): Promise<Model> {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const number = asked.push(body);
    const turn = turnOf(number, script[number - 1] ?? { text: 'I have nothing more to say.' });
    if (wantsStream(request, body)) {
      response.setHeader('Content-Type', 'text/event-stream');
      for (const chunk of chunks(turn)) response.write(`data: ${JSON.stringify(chunk)}\n\n`);
      response.end('data: [DONE]\n\n');
      return;
    }
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(whole(turn)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function turnOf(number: number, said: Said): Turn {
  const calls = (said.tools ?? []).map(({ name, args }, index) => ({
    id: `call_${number}_${index}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(args) },
  }));
  return {
    number,
    message: {
      role: 'assistant',
      content: said.text ?? null,
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    },
    finish: calls.length > 0 ? 'tool_calls' : 'stop',
  };
}

function wantsStream(request: IncomingMessage, body: string): boolean {
  return request.method === 'POST' && (JSON.parse(body) as { stream?: boolean }).stream === true;
}

function head({ number }: Turn, object: string): Readonly<Record<string, unknown>> {
  return { id: `chatcmpl-${number}`, object, created: 1_750_000_000 + number, model: 'scripted-1' };
}

function whole(turn: Turn): unknown {
  return {
    ...head(turn, 'chat.completion'),
    choices: [{ index: 0, message: turn.message, finish_reason: turn.finish }],
    usage: USAGE,
  };
}

function chunks(turn: Turn): unknown[] {
  const calls = turn.message.tool_calls as readonly object[] | undefined;
  const delta = {
    ...turn.message,
    ...(calls ? { tool_calls: calls.map((call, index) => ({ index, ...call })) } : {}),
  };
  return [
    { choices: [{ index: 0, delta, finish_reason: null }] },
    { choices: [{ index: 0, delta: {}, finish_reason: turn.finish }] },
    { choices: [], usage: USAGE },
  ].map((part) => ({ ...head(turn, 'chat.completion.chunk'), ...part }));
}
