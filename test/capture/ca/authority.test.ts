import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ensureCa, readCa, renewCa } from '../../../src/capture/ca/authority.ts';
import { caBundle, systemRoots } from '../../../src/capture/ca/bundle.ts';
import { leafCertificate } from '../../../src/capture/ca/certificate.ts';
import { caPaths } from '../../../src/capture/ca/files.ts';
import { createLeaves } from '../../../src/capture/ca/leaves.ts';
import { LIMITS } from '../../../src/core/limits.ts';

const DAY = 24 * 60 * 60 * 1000;
const clock = (): number => Date.now();

function home(t: TestContext): { readonly state: string } {
  const state = mkdtempSync(join(tmpdir(), 'ca-'));
  t.after(() => rmSync(state, { recursive: true, force: true }));
  return { state };
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test('the authority is made on first need, private, and kept', async (t) => {
  const here = home(t);
  const paths = caPaths(here);
  assert.equal(readCa(here), undefined);
  const made = await ensureCa(here, clock);
  const again = await ensureCa(here, clock);
  assert.equal(again.fingerprint, made.fingerprint);
  assert.equal(modeOf(paths.directory), '700');
  assert.equal(modeOf(paths.authority), '600');
  assert.equal(modeOf(paths.certificate), '644');
  assert.doesNotMatch(readFileSync(paths.certificate, 'utf8'), /PRIVATE/);
  const x509 = new X509Certificate(readFileSync(paths.certificate));
  assert.equal(x509.ca, true);
  assert.ok(x509.validToDate.getTime() > Date.now() + (LIMITS.caDays - 1) * DAY);
  assert.deepEqual(readdirSync(paths.directory).sort(), ['authority.pem', 'ca.pem']);
});

test('two processes that make it at once end up with one', async (t) => {
  const here = home(t);
  const module = new URL('../../../src/capture/ca/authority.ts', import.meta.url).href;
  const code = `const { ensureCa } = await import(${JSON.stringify(module)});
    process.stdout.write((await ensureCa({ state: process.argv[1] }, Date.now)).fingerprint);`;
  const children = [1, 2, 3].map(async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', code, here.state]);
    let out = '';
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString();
    });
    await once(child, 'close');
    return out;
  });
  const seen = new Set(await Promise.all(children));
  assert.equal(seen.size, 1);
  assert.ok(seen.has(readCa(here)?.fingerprint ?? ''));
});

test('strict verifiers accept what it signs, for names and addresses, and only as a server', async (t) => {
  const here = home(t);
  const authority = await ensureCa(here, clock);
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const span = { from: new Date(Date.now() - DAY), until: new Date(Date.now() + DAY) };
  const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.example`;
  const verify = (file: string, ...more: string[]): string =>
    execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', caPaths(here).certificate, ...more, file], {
      stdio: 'pipe',
      encoding: 'utf8',
    });
  for (const host of ['api.example.com', '127.0.0.1', '2001:db8::1', long]) {
    const pem = leafCertificate(authority, host, publicKey, span, randomBytes(16));
    const file = join(here.state, 'leaf.pem');
    writeFileSync(file, pem);
    const named = /^[\d.]+$|:/.test(host) ? ['-verify_ip', host] : ['-verify_hostname', host];
    assert.match(verify(file, '-purpose', 'sslserver', ...named), /OK/, host);
    assert.throws(() => verify(file, '-purpose', 'sslclient'), 'a leaf is for servers only');
    assert.throws(() => verify(file, '-verify_hostname', 'other.example'));
    const x509 = new X509Certificate(pem);
    assert.equal(x509.ca, false);
    assert.ok(x509.serialNumber.length === 32 && Number.parseInt(x509.serialNumber[0] ?? '', 16) < 8);
  }
});

test('a private key that others could have read is refused, and a new authority mends it', async (t) => {
  const here = home(t);
  const first = await ensureCa(here, clock);
  chmodSync(caPaths(here).authority, 0o644);
  await assert.rejects(ensureCa(here, clock), { code: 'CA_UNREADABLE', hint: /tally ca renew/ });
  const second = await renewCa(here, clock);
  assert.notEqual(second.fingerprint, first.fingerprint);
  assert.equal(modeOf(caPaths(here).authority), '600');
  assert.equal(readFileSync(caPaths(here).certificate, 'utf8'), second.certificate);
});

test('bytes that are no authority are refused with what to do, whatever they are', async (t) => {
  const here = home(t);
  const { authority } = caPaths(here);
  await ensureCa(here, clock);
  const good = readFileSync(authority, 'latin1');
  const other = home(t);
  await ensureCa(other, clock);
  const foreign = readFileSync(caPaths(other).certificate, 'latin1');
  const key = good.slice(0, good.indexOf('-----BEGIN CERT'));
  for (const bad of ['', 'no pem', key, key + foreign, good.slice(0, -80), good.slice(300)]) {
    writeFileSync(authority, bad);
    await assert.rejects(ensureCa(here, clock), { code: 'CA_UNREADABLE' }, JSON.stringify(bad.slice(0, 20)));
  }
  writeFileSync(authority, good);
  await ensureCa(here, clock);
});

test('an authority that is about to expire is made anew, once', async (t) => {
  const here = home(t);
  const first = await ensureCa(here, clock);
  const late = (): number => first.until - (LIMITS.caRenewDays - 1) * DAY;
  const [a, b] = await Promise.all([ensureCa(here, late), ensureCa(here, late)]);
  assert.notEqual(a.fingerprint, first.fingerprint);
  assert.equal(b.fingerprint, a.fingerprint);
  assert.equal((await ensureCa(here, late)).fingerprint, a.fingerprint);
});

test('the bundle has the roots of the system, ours, and what was trusted besides', async (t) => {
  const here = home(t);
  const authority = await ensureCa(here, clock);
  const path = caBundle(here, authority);
  const text = readFileSync(path, 'utf8');
  assert.equal(modeOf(path), '644');
  assert.equal(text.match(/BEGIN CERTIFICATE/g)?.length, systemRoots().length + 1);
  assert.ok(text.startsWith(authority.certificate));
  const at = statSync(path).mtimeMs;
  assert.equal(caBundle(here, authority), path);
  assert.equal(statSync(path).mtimeMs, at, 'it is not written again for nothing');
  const other = await ensureCa(home(t), clock);
  const more = caBundle(here, authority, [other.certificate, '']);
  assert.notEqual(more, path);
  assert.ok(readFileSync(more, 'utf8').includes(other.certificate));
  assert.match(
    execFileSync('openssl', ['verify', '-CAfile', more, caPaths(here).certificate], { encoding: 'utf8' }),
    /OK/,
  );
});

test('leaves are kept for a bounded number of hosts, and end with their authority', async (t) => {
  const here = home(t);
  const leaves = createLeaves(here, clock);
  const first = await leaves.of('one.example');
  assert.equal(leaves.of('one.example'), first, 'a kept one comes at once');
  for (let i = 0; i < LIMITS.leafCertificates; i++) leaves.of(`host${i}.example`);
  assert.notEqual(leaves.of('one.example'), first);
  const second = leaves.of('one.example');
  await renewCa(here, clock);
  const third = await leaves.of('one.example');
  assert.notEqual(third, second);
});
