/** What a program, or an attacker, may write to the proxy: any text, any bytes. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { connectAuthority, sameAuthority } from '../../../src/capture/proxy/authority.ts';
import { proxyClaims } from '../../../src/capture/proxy/proxy-authorization.ts';
import { replyText } from '../../../src/capture/proxy/raw-reply.ts';
import { formatHostPort } from '../../../src/core/policy/hosts.ts';
import { echo, raw, stage } from './stage.ts';

const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.webAuthority());

test('an authority is one host in its one form and one port, or none at all', () => {
  fc.assert(
    fc.property(text, (given) => {
      const read = connectAuthority(given);
      if ('problem' in read) return;
      assert.ok(Number.isInteger(read.port) && read.port >= 1 && read.port <= 65_535);
      const again = connectAuthority(formatHostPort(read.host, read.port));
      assert.deepEqual(again, read);
      assert.doesNotMatch(read.host, /[\s/@\\?#%]|[^ -~]/);
    }),
  );
});

test('two authorities mean one place only when each is one and they are equal in their one form', () => {
  fc.assert(
    fc.property(text, text, fc.constantFrom('http' as const, 'https' as const), (a, b, scheme) => {
      if (a === b) return;
      assert.equal(sameAuthority(scheme, a, b), sameAuthority(scheme, b, a));
    }),
  );
  for (const [scheme, a, b, same] of [
    ['https', 'api.test', 'api.test:443', true],
    ['https', 'API.test.', 'api.test:443', true],
    ['http', 'api.test', 'api.test:443', false],
    ['https', '[::ffff:127.0.0.1]', '127.0.0.1', true],
    ['https', '0x7f.1', '127.0.0.1:443', true],
    ['https', 'api.test', 'api.test.evil', false],
    ['https', 'api.test', 'user@api.test', false],
  ] as const)
    assert.equal(sameAuthority(scheme, a, b), same, `${a} ${b}`);
});

test('Proxy-Authorization is a token or nothing', () => {
  fc.assert(
    fc.property(text, (given) => {
      const claims = proxyClaims(given);
      if (claims === undefined) return;
      assert.deepEqual(Object.keys(claims), ['run_token']);
      assert.ok((claims.run_token ?? '').length > 0);
    }),
  );
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme', minLength: 1 }),
      (user, token) => {
        fc.pre(!user.includes(':'));
        const encoded = Buffer.from(`${user}:${token}`).toString('base64');
        assert.equal(proxyClaims(`bAsIc  ${encoded}`)?.run_token, token);
      },
    ),
  );
});

test('an answer of ours is one head and one body, whatever its words are', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(400, 403, 407, 502, 599), (words, status) => {
      const answer = replyText({ status, body: { error: words, reason: 'bad_request' } }, []);
      const end = answer.indexOf('\r\n\r\n');
      const head = answer.slice(0, end).split('\r\n');
      assert.match(head[0] ?? '', /^HTTP\/1\.1 \d{3} [ -~]+$/);
      for (const line of head.slice(1)) assert.match(line, /^[a-z-]+: [ -~]*$/);
      assert.equal(JSON.parse(answer.slice(end + 4)).error, words);
    }),
  );
});

test('any bytes inside of a CONNECT end in an answer or a closed connection, and the broker goes on', async (t) => {
  const at = await stage(t, {
    names: () => ['127.0.0.1'],
    config: { limits: { tlsHandshakeMs: 300, requestHeadersMs: 300 } },
  });
  const up = await at.upstream(echo, { host: 'plain.test' });
  const authority = `plain.test:${up.port}`;
  const begin = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`;
  const inside = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 600 }),
    fc.uint8Array({ maxLength: 600 }).map((bytes) => Uint8Array.from([0x16, 3, 1, ...bytes])),
    fc.string().map((line) => Buffer.from(`${line} / HTTP/1.1\r\n\r\n`)),
    fc
      .string()
      .map((name) =>
        Buffer.from(
          `GET / HTTP/1.1\r\nHost: ${authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${Buffer.from(name).toString('base64')}\r\n\r\n`,
        ),
      ),
  );
  await fc.assert(
    fc.asyncProperty(inside, fc.boolean(), async (bytes, together) => {
      await new Promise<void>((resolve) => {
        const socket = connect(at.port, '127.0.0.1');
        socket.on('error', () => undefined).on('close', () => resolve());
        if (together) socket.write(Buffer.concat([Buffer.from(begin), bytes]));
        else {
          socket.write(begin);
          socket.once('data', () => socket.write(bytes));
        }
        socket.on('data', () => undefined);
        setTimeout(() => socket.destroy(), 30);
      });
    }),
    { numRuns: 60 },
  );
  await at.quiet();
  assert.match(
    await raw(at.port, `${begin}GET /still HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`),
    /"\/still"/,
  );
  assert.deepEqual(at.errors, []);
});
