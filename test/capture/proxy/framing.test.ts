/** Where an answer ends, when what the upstream was asked is not what the caller asked us. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { raw, stage } from './stage.ts';

const secret = () => randomBytes(18).toString('base64url');

test('a HEAD made by way of a GET or a POST leaves the connection in step', async (t) => {
  const s = await stage(t);
  const up = await s.upstream((req, res) => {
    const status = Number(new URL(req.url ?? '/', 'http://x').searchParams.get('status'));
    res.writeHead(status, status === 204 ? {} : { 'Content-Length': '500' }).end();
  });
  await s.vault.set('KEY', secret());
  for (const inbound of ['GET', 'POST', 'HEAD'])
    for (const status of [200, 204, 304, 404]) {
      const head = [
        `${inbound} /proxy HTTP/1.1`,
        `Host: 127.0.0.1:${s.port}`,
        `X-AS-Target-URL: ${up.origin}/?status=${status}`,
        'X-AS-Inject-Bearer: KEY',
        'X-AS-Method: HEAD',
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n');
      const text = await raw(s.port, head);
      const [, code] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? [];
      assert.equal(code, String(status), text);
      const length = /^content-length: (\d+)\r$/im.exec(text)?.[1];
      const expected = status === 204 ? undefined : inbound === 'HEAD' || status === 304 ? '500' : '0';
      assert.equal(length, expected, `${inbound} ${status}: ${text}`);
      assert.ok(!/transfer-encoding/i.test(text), text);
    }
});
