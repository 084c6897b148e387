import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { LIMITS } from '../../../src/core/limits.ts';
import { createBodies } from '../../../src/server/api/body.ts';
import { ApiError } from '../../../src/server/api/reply.ts';

function sent(bytes: Buffer): IncomingMessage {
  const stream = new PassThrough({ highWaterMark: bytes.length + 1 });
  stream.end(bytes);
  return Object.assign(stream, { headers: {} }) as unknown as IncomingMessage;
}

const busy = (error: unknown): boolean => error instanceof ApiError && error.status === 429;

describe('bodies', () => {
  it('take their part of the memory until their requests are answered, and give it back once', async () => {
    const bodies = createBodies();
    const big = Buffer.alloc(LIMITS.apiBatchBytes, 32);
    const many = LIMITS.apiBodiesBytes / big.length;
    const read = await Promise.all(Array.from({ length: many }, () => bodies.read(sent(big), big.length)));
    await assert.rejects(bodies.read(sent(Buffer.from('{}')), 10), busy);
    read[0]?.done();
    read[0]?.done();
    const again = await bodies.read(sent(big), big.length);
    await assert.rejects(bodies.read(sent(Buffer.from('{}')), 10), busy);
    again.done();
    assert.equal((await bodies.read(sent(Buffer.from('{}')), 10)).bytes.toString(), '{}');
  });

  it('that are refused take none of it', async () => {
    const bodies = createBodies();
    const big = Buffer.alloc(LIMITS.apiBatchBytes, 32);
    for (let i = 0; i < 20; i++)
      await assert.rejects(bodies.read(sent(big), big.length - 1), (error) => !busy(error));
  });
});
