/** Certificates and protocols that no setting of ours, of the policy or of the environment makes good. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Server as TlsServer } from 'node:https';
import { createServer, type Server } from 'node:net';
import { before, test } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { type Authority, makeAuthority, selfSigned } from './certificates.ts';
import { echo, listen, stage } from './stage.ts';

let authority: Authority;
const cleanups: (() => void)[] = [];
before(() => {
  authority = makeAuthority({ after: (fn) => cleanups.push(fn) });
});
process.on('exit', () => {
  for (const cleanup of cleanups) cleanup();
});

test('every kind of certificate that does not prove the host is refused, and nothing is sent', async (t) => {
  const s = await stage(t, { names: () => ['127.0.0.1'], config: { extraCa: [authority.ca] } });
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  const refuse = async (what: string, host: string, server: Server) => {
    let bytes = 0;
    server.on('secureConnection', (socket) => socket.on('data', (chunk: Buffer) => (bytes += chunk.length)));
    const port = await listen(t, server);
    await s.allow(`{ host: ${host}, port: ${port}, http: true, internal: true }`);
    const answer = await s.get(`https://${host}:${port}/`);
    assert.deepEqual([answer.status, answer.json().reason, bytes], [502, 'tls_failed', 0], what);
    await s.quiet();
    const post = s.entries().at(-1);
    assert.deepEqual([post?.outcome?.error_kind, post?.metadata?.tls], ['tls_failed', undefined], what);
  };
  const tls = (options: TlsOptions) => createTlsServer(options);
  await refuse('self-signed, with the right name', 'self.test', tls(selfSigned(t, 'DNS:self.test')));
  await refuse('a wildcard is one label', 'a.b.wild.test', tls(authority.issue('DNS:*.wild.test')));
  await refuse('a wildcard is not the name itself', 'wild.test', tls(authority.issue('DNS:*.wild.test')));
  await refuse(
    'a certificate for clients',
    'client.test',
    tls(authority.issue('DNS:client.test', 2, 'extendedKeyUsage=clientAuth\n')),
  );
  await refuse(
    'TLS 1.1',
    'old.test',
    tls({
      ...authority.issue('DNS:old.test'),
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    }),
  );
  // The line allows http too, and the call asked for https: there is no way down.
  await refuse(
    'no TLS at all',
    'plain.test',
    createServer((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\n')),
  );
});

test('an upstream that comes back with a certificate of nobody is not trusted for its earlier one', async (t) => {
  const s = await stage(t, { names: () => ['127.0.0.1'], config: { extraCa: [authority.ca] } });
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  const up = await s.upstream(echo, { tls: authority.issue('DNS:turn.test'), host: 'turn.test' });
  assert.ok(up.server instanceof TlsServer);
  assert.equal((await s.get(up.origin)).status, 200);
  up.server.setSecureContext(selfSigned(t, 'DNS:turn.test'));
  up.server.closeAllConnections();
  for (let i = 0; i < 2; i++) {
    const answer = await s.get(up.origin);
    assert.equal(answer.status, 502, answer.text);
  }
  assert.equal(up.count(), 1);
});

test('a redirect from https to http goes back as it is, and the http call is decided on its own', async (t) => {
  const s = await stage(t, { names: () => ['127.0.0.1'], config: { extraCa: [authority.ca] } });
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  const up = await s.upstream(
    (_request, response) => response.writeHead(302, { location: 'http://down.test/' }).end(),
    { tls: authority.issue('DNS:down.test'), host: 'down.test' },
  );
  const first = await s.get(up.origin);
  assert.deepEqual([first.status, first.headers.location, up.count()], [302, 'http://down.test/', 1]);
  const second = await s.get(`http://down.test:${up.port}/`);
  assert.deepEqual([second.status, second.json().reason, up.count()], [403, 'non_https_blocked', 1]);
});
