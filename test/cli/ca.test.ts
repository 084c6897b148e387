/** `tally ca …`: the local authority as a person sees it. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeHome } from './home.ts';

test('the authority is made when it is first asked for, shown without its key, and made anew on record', async (t) => {
  const home = makeHome(t);
  const first = (await home.tally(['ca', 'show', '--json'])).json();
  const path = (await home.tally(['ca', 'path'])).stdout.trimEnd();
  assert.equal(path, first.path);
  const shown = new X509Certificate(readFileSync(path));
  assert.equal(shown.fingerprint256.replaceAll(':', '').toLowerCase(), first.sha256);

  const renewed = await home.tally(['ca', 'renew', '--reason', 'a backup was lost']);
  assert.equal(renewed.code, 0);
  assert.match(renewed.stderr, /start them again/);
  assert.doesNotMatch(renewed.stdout + renewed.stderr, /PRIVATE/);
  const [entry] = home.entries('config.change');
  assert.deepEqual(entry?.metadata, { authority: 'renew', was: first.sha256 });
  assert.equal(entry?.reason, 'a backup was lost');
  assert.notEqual(readFileSync(path, 'utf8'), shown.toString());
});

test('an agent in a run may not make the authority anew, and that it tried is on record', async (t) => {
  const home = makeHome(t);
  const before = (await home.tally(['ca', 'show', '--json'])).json().sha256;
  const program = new URL('../../bin/tally.js', import.meta.url).pathname;
  const ran = await home.tally(['run', '--agent', 'coder', '--', process.execPath, program, 'ca', 'renew']);
  assert.notEqual(ran.code, 0);
  assert.equal((await home.tally(['ca', 'show', '--json'])).json().sha256, before);
  assert.ok(
    home
      .entries('config.change')
      .some(({ outcome }) => (outcome as { status?: string }).status === 'blocked'),
  );
});
