import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { addAnchor, listAnchors, removeAnchor } from '../../src/cli/anchors-config.ts';
import { makeCosignerKey } from '../../src/core/tlog/cosignature.ts';
import { parseConfig } from '../../src/open/config.ts';

function scratch(t: TestContext, text?: string): { readonly configFile: string; readonly state: string } {
  const directory = mkdtempSync(join(tmpdir(), 'tally-anchors-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const configFile = join(directory, 'config', 'config.yaml');
  const paths = { configFile, state: join(directory, 'state') };
  if (text === undefined) return paths;
  const file = join(directory, 'config.yaml');
  writeFileSync(file, text, { mode: 0o600 });
  return { ...paths, configFile: file };
}

const DISK = { name: 'disk', type: 'file', path: '/mnt/worm' } as const;
const STAMP = { name: 'stamp', type: 'rfc3161', url: 'https://tsa.example/', every: '6h' } as const;

test('an anchor is added to a file that is not there yet, readable by its owner only', async (t) => {
  const paths = scratch(t);
  await addAnchor(paths, DISK);
  assert.deepEqual(listAnchors(paths), [DISK]);
  assert.equal(statSync(paths.configFile).mode & 0o777, 0o600);
});

test('comments, order and other settings stay when an anchor is added and removed', async (t) => {
  const text =
    '# mine\nport: 9000 # the usual\n\n# where it goes\nanchors:\n  - name: disk # the big one\n    type: file\n    path: /mnt/worm\n# the end\nallow_observe: true\n';
  const paths = scratch(t, text);
  await addAnchor(paths, STAMP);
  const added = readFileSync(paths.configFile, 'utf8');
  for (const kept of ['# mine', '# the usual', '# where it goes', '# the big one', '# the end'])
    assert.ok(added.includes(kept), `${kept} is gone:\n${added}`);
  assert.deepEqual(
    listAnchors(paths).map(({ name }) => name),
    ['disk', 'stamp'],
  );
  await removeAnchor(paths, 'stamp');
  assert.equal(readFileSync(paths.configFile, 'utf8'), text);
});

test('a file of comments keeps them, and so does the file when the last anchor is removed', async (t) => {
  const paths = scratch(t, '# nothing is set here\n# port: 1\n');
  await addAnchor(paths, DISK);
  assert.match(readFileSync(paths.configFile, 'utf8'), /# nothing is set here\n# port: 1\n/);
  await removeAnchor(paths, 'disk');
  const left = readFileSync(paths.configFile, 'utf8');
  assert.match(left, /# nothing is set here/);
  assert.deepEqual(parseConfig(left, 'c').anchors, []);
});

test('a list in one line is taken up, and an empty one too', async (t) => {
  for (const text of [
    'anchors: []\n',
    'anchors:\nport: 1\n',
    'anchors: [ { name: a, type: file, path: /a } ]\n',
  ]) {
    const paths = scratch(t, text);
    if (text === 'anchors:\nport: 1\n') {
      await assert.rejects(addAnchor(paths, DISK), { code: 'BAD_CONFIG' });
      continue;
    }
    await addAnchor(paths, DISK);
    assert.deepEqual(listAnchors(paths).at(-1), DISK);
  }
});

test('what is no anchor, or has a name that is taken, changes nothing', async (t) => {
  const paths = scratch(t);
  for (const bad of [
    { name: 'Disk', type: 'file', path: '/a' },
    { name: 'a', type: 'file', path: 'relative' },
    { name: 'a', type: 'tape' },
    { name: 'a', type: 'file', path: '/a', colour: 'red' },
    { name: 'a', type: 'rfc3161', url: 'ftp://tsa.example' },
    { name: 'a', type: 'rfc3161', url: 'https://me:secret@tsa.example' },
    { name: 'a', type: 'webhook', url: 'https://x.example', every: '1s' },
    { name: 'a', type: 'git', path: '/a', branch: '../up' },
    { name: 'a', type: 'git', path: '/a', remote: 'ext::sh -c id' },
    { name: 'a', type: 'witness', url: 'https://w.example', vkey: 'nonsense' },
  ])
    await assert.rejects(addAnchor(paths, bad), { code: 'USAGE' }, JSON.stringify(bad));
  assert.ok(!existsSync(paths.configFile));
  await addAnchor(paths, DISK);
  await assert.rejects(addAnchor(paths, { ...DISK, path: '/other' }), { code: 'USAGE' });
  assert.deepEqual(listAnchors(paths), [DISK]);
  await assert.rejects(removeAnchor(paths, 'tape'), { code: 'NOT_FOUND' });
});

test('of many additions at once none is lost', async (t) => {
  const paths = scratch(t);
  await Promise.all(Array.from({ length: 8 }, (_, i) => addAnchor(paths, { ...DISK, name: `disk-${i}` })));
  assert.equal(listAnchors(paths).length, 8);
});

test('a broken anchor in the file is named with its line and column', () => {
  const fails = (text: string, message: RegExp, hint?: RegExp): void =>
    assert.throws(
      () => parseConfig(text, 'config.yaml'),
      (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, 'BAD_CONFIG');
        assert.match(error.message, message);
        assert.match(error.hint ?? '', hint ?? /./);
        return true;
      },
    );
  fails(
    'anchors:\n  - { name: a, type: file, path: here }\n',
    /^config\.yaml:2:34: anchors\.0\.path: an absolute/,
  );
  fails(
    'anchors:\n  - name: a\n    type: file\n    paht: /a\n',
    /:4:5: unknown key "paht"|:2:5: anchors\.0\.path/,
  );
  fails(
    'anchors:\n  - { name: a, type: file, path: /a }\n  - { name: a, type: file, path: /b }\n',
    /^config\.yaml:3:13: anchors\.1\.name: a second anchor called a/,
  );
  fails('anchors:\n  - { name: a, type: tape }\n', /^config\.yaml:2:22: anchors\.0\.type/);
  fails(
    'witness_quorum: 1\n',
    /^config\.yaml:1:17: witness_quorum: 1 witness cannot be asked for: there are 0/,
  );
});

test('a quorum larger than the number of different witnesses is refused', () => {
  const vkeyOf = (name: string, fill: number) => makeCosignerKey(name, new Uint8Array(32).fill(fill)).vkey;
  const config = (quorum: number, ...vkeys: readonly string[]): string =>
    [
      'anchors:',
      ...vkeys.map(
        (vkey, i) => `  - { name: w${i}, type: witness, url: "https://w.example/${i}", vkey: "${vkey}" }`,
      ),
      `witness_quorum: ${quorum}\n`,
    ].join('\n');
  const [a, b] = [vkeyOf('one.example', 1), vkeyOf('two.example', 2)];
  assert.equal(parseConfig(config(2, a, b), 'c.yaml').witness_quorum, 2);
  for (const same of [vkeyOf('one.example', 3), vkeyOf('other.example', 1)]) {
    assert.equal(parseConfig(config(1, a, same), 'c.yaml').witness_quorum, 1);
    assert.throws(() => parseConfig(config(2, a, same), 'c.yaml'), {
      code: 'BAD_CONFIG',
      message: /^c\.yaml:4:17: witness_quorum: 2 witnesses cannot be asked for: there is 1/,
    });
  }
});
