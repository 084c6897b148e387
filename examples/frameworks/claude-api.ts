/**
 * Anthropic's Messages API on this machine, from a script: a list of content blocks for each turn. Claude Code and the
 * Claude Agent SDK are pointed at it, without a key and without a network.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: object };

interface Request {
  readonly model?: string;
  readonly stream?: boolean;
  readonly tools?: readonly unknown[];
  readonly messages?: readonly { readonly role: string }[];
}

export interface ClaudeApi {
  /** What goes into ANTHROPIC_BASE_URL. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Answers the nth turn of any conversation with the nth of these, whole and streamed. A request without tools (a title)
 * gets a text.
 */
export async function serveClaude(turns: readonly (readonly Block[])[]): Promise<ClaudeApi> {
  const server = createServer(async (request, response) => {
    const body = await text(request);
    if (request.url?.startsWith('/v1/messages?') !== true && request.url !== '/v1/messages') {
      response.writeHead(404).end('{}');
      return;
    }
    const asked = JSON.parse(body) as Request;
    const turn = (asked.messages ?? []).filter(({ role }) => role === 'assistant').length;
    const blocks = (asked.tools ?? []).length === 0 ? undefined : turns[turn];
    answer(response, asked, turn, blocks ?? [{ type: 'text', text: 'done' }]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(
  response: ServerResponse,
  { model = 'model', stream }: Request,
  turn: number,
  blocks: readonly Block[],
): void {
  const usage = { input_tokens: 1, output_tokens: 1 };
  const stop_reason = blocks.some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn';
  const message = {
    id: `msg_${turn}`,
    type: 'message',
    role: 'assistant',
    model,
    stop_sequence: null,
    usage,
  };
  if (stream !== true) {
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ ...message, content: blocks, stop_reason }));
    return;
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  const send = (type: string, data: object): void => {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  };
  send('message_start', { message: { ...message, content: [], stop_reason: null } });
  for (const [index, block] of blocks.entries()) {
    const isText = block.type === 'text';
    send('content_block_start', {
      index,
      content_block: isText ? { type: 'text', text: '' } : { ...block, input: {} },
    });
    send('content_block_delta', {
      index,
      delta: isText
        ? { type: 'text_delta', text: block.text }
        : { type: 'input_json_delta', partial_json: JSON.stringify(block.input) },
    });
    send('content_block_stop', { index });
  }
  send('message_delta', { delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 1 } });
  send('message_stop', {});
  response.end();
}
