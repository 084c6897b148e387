/** A caller that goes away in the very moment in which its body is no longer read. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { uploadOf } from '../../../src/capture/proxy/body.ts';
import { listen, until } from './stage.ts';

test('a caller that resets while its upload is given up ends no more than its call', async (t) => {
  let closed = 0;
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown): void => void uncaught.push(error);
  process.on('uncaughtException', onUncaught);
  t.after(() => process.off('uncaughtException', onUncaught));
  const server = createServer((request: IncomingMessage) => {
    const { stream } = uploadOf(request, [], 60_000, undefined, () => undefined);
    stream.on('error', () => undefined);
    stream.resume();
    request.once('close', () => closed++);
    // Between the moment in which node looks whether anybody listens, and the one in which it tells of the error.
    request.once('aborted', () => process.nextTick(() => process.nextTick(() => stream.destroy())));
  });
  const port = await listen(t, server);
  const socket = connect(port, '127.0.0.1', () => {
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nsome', () =>
      socket.resetAndDestroy(),
    );
  });
  socket.on('error', () => undefined);
  await until(() => closed === 1, 'the request to be closed');
  assert.deepEqual(uncaught, []);
});
