/** A model that says what it was told to say, on this machine: the same every time, without a key and without a network. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Said {
  readonly text?: string;
  readonly tool?: { readonly name: string; readonly args: Readonly<Record<string, unknown>> };
}

/** Answers one after the other; `usage` is what such a service bills by. */
export async function serveModel(
  script: readonly Said[],
): Promise<{ readonly url: string; close(): Promise<void> }> {
  let turn = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const said = script[turn++] ?? { text: 'I have nothing more to say.' };
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ ...said, usage: { input: 20 + turn, output: 7 } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1/chat`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
