import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { createTimeStampAnchor, loadTrust } from '../../src/anchor/rfc3161/driver.ts';
import { encodeRequest } from '../../src/anchor/rfc3161/request.ts';
import { checkToken } from '../../src/anchor/rfc3161/token.ts';
import { makeLog } from './log.ts';
import { makeAuthority, serve } from './tsa.ts';

const random = (size: number): Uint8Array => randomBytes(size);
const never = new AbortController().signal;

test('a real time stamping authority is asked, and openssl accepts what is stored', async (t) => {
  const authority = makeAuthority(t);
  const types: unknown[] = [];
  const url = await serve(t, (body, response, request) => {
    types.push(request.headers['content-type']);
    response.setHeader('content-type', 'application/timestamp-reply');
    return authority.reply(body);
  });
  const subject = await makeLog().subject(5);
  const before = Date.now() - 1_000;
  const { suffix, bytes, time } = await createTimeStampAnchor({
    name: 'a',
    url,
    ca: authority.ca,
    random,
  }).anchor(subject, never);
  assert.equal(suffix, 'tsr');
  assert.deepEqual(types, ['application/timestamp-query']);
  assert.ok(time !== undefined && Date.parse(time) >= before && Date.parse(time) <= Date.now() + 1_000, time);

  writeFileSync(join(authority.directory, 'x.checkpoint'), subject.note);
  writeFileSync(join(authority.directory, 'x.tsr'), bytes);
  const told = authority.run('ts', '-verify', '-in', 'x.tsr', '-data', 'x.checkpoint', '-CAfile', 'ca.pem');
  assert.match(told.toString(), /Verification: OK/);

  const trust = await loadTrust(authority.ca);
  const again = checkToken({ response: bytes, data: subject.note, trust });
  assert.ok(again.ok && again.trusted && again.time === time);
  assert.match(again.tsa, /Test TSA good/);
});

test('without a configured certificate the token is kept, and its time is not believed', async (t) => {
  const authority = makeAuthority(t);
  const url = await serve(t, (body) => authority.reply(body));
  const subject = await makeLog().subject(5);
  const receipt = await createTimeStampAnchor({ name: 'a', url, random }).anchor(subject, never);
  assert.equal(receipt.time, undefined);
  const told = checkToken({ response: receipt.bytes, data: subject.note, trust: undefined });
  assert.ok(told.ok && !told.trusted);
});

test('each way in which a token is not the one that was asked for is refused, and named', async (t) => {
  const authority = makeAuthority(t);
  const trust = await loadTrust(authority.ca);
  const data = (await makeLog().subject(9)).note;
  const { der, nonce } = encodeRequest(data, randomBytes(16));
  const good = authority.reply(der);
  const why = (response: Uint8Array, question = {}): string => {
    const told = checkToken({ response, data, nonce, trust, ...question });
    return told.ok ? 'good' : told.why;
  };
  assert.equal(why(good), 'good');
  assert.match(
    why(authority.reply(encodeRequest(randomBytes(9), nonce).der)),
    /something else than this checkpoint/,
  );
  assert.match(why(authority.reply(encodeRequest(data, randomBytes(16)).der)), /nonce/);
  assert.match(why(good, { data: randomBytes(9) }), /something else/);
  const plain = join(authority.directory, 'plain.tsq');
  writeFileSync(join(authority.directory, 'data'), data);
  authority.run('ts', '-query', '-data', 'data', '-sha256', '-no_nonce', '-cert', '-out', plain);
  assert.match(why(authority.reply(readFileSync(plain))), /no nonce/);
  authority.run('ts', '-query', '-data', 'data', '-sha512', '-cert', '-out', plain);
  assert.match(why(authority.reply(readFileSync(plain))), /something else/);
  authority.run('ts', '-query', '-data', 'data', '-sha256', '-out', plain);
  assert.match(why(authority.reply(readFileSync(plain)), { nonce: undefined }), /certificate is not in it/);
  authority.run('ts', '-query', '-data', 'data', '-sha1', '-cert', '-out', plain);
  assert.match(why(authority.reply(readFileSync(plain))), /the authority refuses: status 2/);

  const stranger = makeAuthority(t);
  assert.match(why(stranger.reply(der)), /does not lead to the configured one/);
  assert.equal(why(stranger.reply(der), { trust: undefined }), 'good');
  assert.equal(
    why(good, { trust: [new X509Certificate(readFileSync(join(authority.directory, 'good.pem')))] }),
    'good',
  );
  assert.match(
    why(authority.reply(der, 'strange')),
    /critical extension that is not understood \(1\.2\.3\.4\)/,
  );
});

test('a certificate that is not for time stamps only, or not valid at that time, signs no time', async (t) => {
  const authority = makeAuthority(t);
  const trust = await loadTrust(authority.ca);
  const data = randomBytes(40);
  const { der, nonce } = encodeRequest(data, randomBytes(16));
  const good = authority.reply(der);
  const why = (name: 'good' | 'web' | 'both' | 'casual' | 'expired', options = {}): string => {
    const told = checkToken({ response: authority.resign(good, name), data, nonce, trust, ...options });
    return told.ok ? 'good' : told.why;
  };
  assert.equal(why('good'), 'good');
  for (const name of ['web', 'both', 'casual'] as const) {
    assert.match(why(name), /not one for time stamps only/);
    assert.match(why(name, { trust: undefined }), /not one for time stamps only/);
  }
  assert.match(why('expired'), /no longer valid/);
  assert.match(why('expired', { trust: undefined }), /no longer valid/);
});

test('a token that says nothing of its certificate, or something else than was hashed, is refused', async (t) => {
  const authority = makeAuthority(t);
  const trust = await loadTrust(authority.ca);
  const data = randomBytes(40);
  const { der, nonce } = encodeRequest(data, randomBytes(16));
  const good = authority.reply(der);
  const why = (response: Uint8Array): string => {
    const told = checkToken({ response, data, nonce, trust });
    return told.ok ? 'good' : told.why;
  };
  assert.match(why(authority.resign(good, 'good', { ess: false })), /not made for the certificate/);
  assert.match(why(authority.resign(good, 'good', { type: '1.2.840.113549.1.7.1' })), /no time stamp/);
  // The same message with its time moved by a year: hash and signature are of the other one.
  const year = new Date().getUTCFullYear();
  const at = good.indexOf(Buffer.from(`${year}`));
  const moved = Buffer.from(good);
  moved.write(String(year - 1), at);
  assert.match(why(moved), /not the one that was signed/);
});

test('no byte of a token can change without its being refused, or meaning the same', async (t) => {
  const authority = makeAuthority(t);
  const trust = await loadTrust(authority.ca);
  const data = randomBytes(40);
  const { der, nonce } = encodeRequest(data, randomBytes(16));
  const good = authority.reply(der);
  const before = checkToken({ response: good, data, nonce, trust });
  assert.ok(before.ok);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(good);
      changed[at] = (changed[at] ?? 0) ^ flip;
      const told = checkToken({ response: changed, data, nonce, trust });
      if (told.ok) assert.equal(told.time, before.time);
    }),
    { numRuns: 400 },
  );
});

test('garbage, however it is nested, is refused in bounded time', () => {
  const data = randomBytes(40);
  const refuse = (response: Uint8Array): void => {
    const started = process.cpuUsage();
    const told = checkToken({ response, data, trust: undefined });
    const { user, system } = process.cpuUsage(started);
    assert.ok(!told.ok);
    assert.ok(user + system < 2_000_000, `${(user + system) / 1000} ms`);
  };
  refuse(new Uint8Array());
  refuse(Buffer.alloc(65_536, 0x30));
  refuse(Buffer.alloc(65_536, Buffer.from([0x30, 0x80])));
  refuse(Buffer.alloc(65_536, Buffer.from([0x30, 0x82, 0xff, 0xff])));
  refuse(Buffer.alloc(70_000, 0x05));
  refuse(
    Buffer.concat([Buffer.from([0x30, 0x82, 0xff, 0x00]), Buffer.alloc(65_280, Buffer.from([0x05, 0x00]))]),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), refuse), { numRuns: 300 });
});

test('an authority that is slow, huge, moved, or answers an error fails without harm', async (t) => {
  const subject = await makeLog().subject(5);
  const ask = (url: string, timeoutMs = 2_000) =>
    createTimeStampAnchor({ name: 'a', url, random, timeoutMs }).anchor(subject, never);
  const fails = (url: string, message: RegExp, timeoutMs?: number) =>
    assert.rejects(ask(url, timeoutMs), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ANCHOR_FAILED');
      assert.match(error.message, message);
      return true;
    });
  await fails(await serve(t, () => Buffer.alloc(200_000, 0x30)), /more than 65536 bytes/);
  await fails(await serve(t, () => Buffer.from('not found')), /no time-stamp response/);
  await fails(await serve(t, () => undefined), /did not answer within 0\.3 s/, 300);
  await fails(
    await serve(t, (_body, response) => {
      const drip = setInterval(() => response.write('0'), 20);
      response.on('close', () => clearInterval(drip));
      return undefined;
    }),
    /did not answer within 0\.3 s/,
    300,
  );
  const other = await serve(t, () => assert.fail('a redirect was followed'));
  await fails(
    await serve(t, (_body, response) => {
      response.writeHead(307, { location: other });
      return Buffer.alloc(0);
    }),
    /answered 307/,
  );
  await fails(
    await serve(t, (_body, response) => {
      response.statusCode = 500;
      return Buffer.from('no');
    }),
    /answered 500/,
  );
  await fails('http://127.0.0.1:1/', /cannot be asked/);
});

test('a certificate file that is gone or holds none is a mistake in the configuration', async (t) => {
  const authority = makeAuthority(t);
  await assert.rejects(loadTrust('/no/such/file'), { code: 'BAD_CONFIG' });
  await assert.rejects(loadTrust(join(authority.directory, 'ca.key')), { code: 'BAD_CONFIG' });
});
