import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { assertVerifies } from '../../support/verify.ts';
import { stage } from './stage.ts';

/** Sends bytes as they are, and gives what comes back until the connection ends. */
function raw(origin: string, ...parts: (string | Buffer)[]): Promise<string> {
  const { port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (part) => {
      text += part;
    });
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
    socket.setTimeout(20_000, () => reject(new Error('no end')));
    for (const part of parts) socket.write(part);
  });
}

const head = (host: string, more: string): string =>
  `POST /v1/decisions HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n${more}\r\n\r\n`;

describe('hostile requests', () => {
  it('of any JSON are answered with a decision or a refusal, never with a failure of ours', async (t) => {
    const { ask, box, close } = await stage(t);
    const some = fc.oneof(fc.jsonValue(), fc.string(), fc.constant(undefined));
    const body = fc.oneof(
      fc.jsonValue(),
      fc.record({
        action: fc.oneof(
          fc.jsonValue(),
          fc.record({
            name: fc.oneof(fc.string(), fc.constant('http.call')),
            target: some,
            tool: some,
            tier: some,
          }),
        ),
        args: some,
        credentials: some,
        reason: some,
        tenant_id: fc.oneof(fc.string(), fc.constant('other')),
        run_id: some,
      }),
    );
    await fc.assert(
      fc.asyncProperty(body, async (value) => {
        const { status, body: said } = await ask('/v1/decisions', value ?? null);
        assert.ok(status === 200 || status === 400, `${status}: ${JSON.stringify(said)}`);
        if (status === 200) assert.equal(said.proceed, false, 'nothing of it is allowed here');
        const outcome = await ask('/v1/outcomes', value ?? null);
        assert.equal(outcome.status, 400);
      }),
      { numRuns: 150 },
    );
    await close();
    await assertVerifies(box);
  });

  it('a body that is announced and does not come, or goes on for ever, ends in bounded time', async (t) => {
    const { origin, entries } = await stage(t);
    const { host } = new URL(origin);
    const started = performance.now();
    const endless = `${(0x10000).toString(16)}\r\n${'x'.repeat(0x10000)}\r\n`;
    const [silent, long] = await Promise.all([
      raw(origin, head(host, 'Content-Length: 100'), '{"action":'),
      raw(origin, head(host, 'Transfer-Encoding: chunked'), ...Array(40).fill(endless)),
    ]);
    assert.match(silent, /^HTTP\/1\.1 408 /);
    assert.match(long, /^HTTP\/1\.1 413 |^$/);
    assert.ok(performance.now() - started < 18_000);
    assert.deepEqual(
      entries('decision.made')
        .map(({ outcome }) => outcome?.error_kind)
        .sort(),
      ['body_too_large', 'timeout'],
    );
  });

  it('two Authorization headers, other methods and other paths are refused in words', async (t) => {
    const { origin, ask } = await stage(t);
    const { host } = new URL(origin);
    const twice = await raw(
      origin,
      head(
        host,
        'Authorization: Bearer agt_a\r\nAuthorization: Bearer agt_b\r\nContent-Length: 2\r\nConnection: close',
      ),
      '{}',
    );
    assert.match(twice, /^HTTP\/1\.1 400 [\s\S]*more than one Authorization/);
    assert.equal((await ask('/v1/decisions')).status, 405);
    assert.equal((await ask('/v1/nothing')).status, 404);
    assert.equal((await ask('/v1/approvals/../kill')).status, 200, 'a client resolves that itself');
    assert.equal((await ask('/v1/approvals/%2e%2e%2fkill')).status, 404);
  });

  it('what is behind a refused request is not taken for another one', async (t) => {
    const { origin, entries } = await stage(t);
    const { host } = new URL(origin);
    const smuggled = `${head(host, 'Content-Length: 26')}{"action":{"name":"evil"}}`;
    const answer = await raw(
      origin,
      `POST /v1/nothing HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    );
    assert.equal(answer.match(/^HTTP\/1\.1 /gm)?.length, 1);
    assert.equal(entries('decision.made').length, 0);
  });
});
