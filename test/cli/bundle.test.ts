import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sha256Hex } from '../../src/core/hash.ts';
import { type Home, makeHome } from '../support/home.ts';
import { type LogFiles, sampleDrafts, writeLogFiles } from '../support/logfiles.ts';
import { POLICIES, variedDrafts } from '../support/varied.ts';

let home: Home;
/** A machine that never saw the log. */
let stranger: Home;
let log: LogFiles;
before(async () => {
  [home, stranger] = await Promise.all([makeHome(), makeHome()]);
  log = await writeLogFiles(join(home.directory, 'log'), [...variedDrafts(), ...sampleDrafts(300)]);
  await mkdir(join(log.directory, 'policies'));
  for (const [name, text] of POLICIES) await writeFile(join(log.directory, name), text);
});
after(async () => {
  await home.remove();
  await stranger.remove();
});

interface Answer {
  code: number | null;
  exit_code: number;
  integrity: { status: string; entries: number; first_bad?: number };
  signatures: { status: string };
  snapshots: { status: string; missing: string[] };
  manifest: { status: string; note?: string };
  matching: { status: string; note?: string };
  completeness: { status: string; note?: string };
  key: { ground: string } | null;
}

interface Place {
  index: number;
  ts: string;
}

interface Said {
  range: { size: number; first?: Place; last?: Place; begins?: number };
  counts: { rows: number; entries: number };
  files: Record<string, { bytes: number; sha256: string }>;
}

async function verify(directory: string, ...args: string[]): Promise<Answer> {
  const { stdout, stderr, code } = await stranger.tally(['verify', directory, '--json', ...args]);
  assert.notEqual(stdout, '', stderr);
  return { ...(JSON.parse(stdout) as Answer), code };
}

let made = 0;
async function bundle(...args: string[]): Promise<string> {
  const directory = join(home.directory, `bundle-${made++}`);
  const done = await home.tally(['log', 'export', '--dir', log.directory, '--bundle', directory, ...args]);
  assert.equal(done.code, 0, done.stderr);
  return directory;
}

const verdicts = ({ integrity, signatures, snapshots, manifest, completeness }: Answer): string[] =>
  [integrity, signatures, snapshots, manifest, completeness].map(({ status }) => status);

describe('a bundle', () => {
  it('proves each of its entries to a stranger with the key, and says what a filter cannot show', async () => {
    const directory = await bundle('--type', 'http.call', '--failed');
    const answer = await verify(directory, '--key', log.vkey);
    // One of the policies that are cited is not in that log.
    assert.deepEqual(verdicts(answer), ['pass', 'pass', 'incomplete', 'pass', 'neutral']);
    assert.deepEqual([answer.code, answer.exit_code, answer.key?.ground], [0, 0, 'given']);
    assert.equal(answer.matching.status, 'pass');
    assert.match(answer.completeness.note ?? '', /cannot show that nothing that matches was left out/);
    const stored = new Set(log.lines.map((line) => line.toString('utf8')));
    const entries = (await readFile(join(directory, 'entries.jsonl'), 'utf8')).trimEnd().split('\n');
    assert.ok(entries.length > 20 && entries.every((line) => stored.has(line)));
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
  });

  it('of everything shows that nothing was left out', async () => {
    const answer = await verify(await bundle(), '--key', log.vkey);
    assert.deepEqual([answer.completeness.status, answer.integrity.entries], ['pass', log.lines.length]);
  });

  it('is no pass without a key, or with the key of another log', async () => {
    const directory = await bundle('--agent', 'builder');
    const unknown = await verify(directory);
    assert.deepEqual(
      [unknown.code, unknown.integrity.status, unknown.signatures.status],
      [2, 'incomplete', 'neutral'],
    );
    const other = await writeLogFiles(join(home.directory, 'other'), sampleDrafts(1));
    assert.equal((await verify(directory, '--key', other.vkey)).code, 6);
  });

  it('shows every way of tampering with it', async () => {
    const good = await bundle('--agent', 'builder');
    const alter = async (name: string, change: (text: string) => string): Promise<Answer> => {
      const copy = join(home.directory, `altered-${made++}`);
      await cp(good, copy, { recursive: true });
      const path = join(copy, name);
      await writeFile(path, change(await readFile(path, 'latin1')), 'latin1');
      return verify(copy, '--key', log.vkey);
    };
    const entries = 'entries.jsonl';
    const swap = (text: string): string => {
      const [one = '', two = '', ...rest] = text.split('\n');
      return [two, one, ...rest].join('\n');
    };
    const failing: readonly (readonly [string, (text: string) => string, string])[] = [
      [entries, (text) => text.replace('"builder"', '"Builder"'), 'integrity'],
      [entries, swap, 'integrity'],
      [entries, (text) => `${text}${text.split('\n')[0]}\n`, 'integrity'],
      [entries, (text) => `${text}no entry\n`, 'integrity'],
      [entries, (text) => text.slice(text.indexOf('\n') + 1), 'manifest'],
      [entries, (text) => text.slice(0, -1), 'manifest'],
      ['checkpoint', (text) => text.replace(/\n\d+\n/, '\n7\n'), 'signatures'],
      ['manifest.json', (text) => text.replace(/"rows": \d+/, '"rows": -1'), 'manifest'],
      ['manifest.json', (text) => text.replace(/"entries": \d+/, '"entries": 7'), 'manifest'],
      ['manifest.json', (text) => text.replace(/"sha256": "../, '"sha256": "zz'), 'manifest'],
      [
        'manifest.json',
        (text) => text.replace('"checkpoint": {\n      "bytes"', '"../../etc/passwd": {\n      "bytes"'),
        'manifest',
      ],
      [POLICIES[0]?.[0] ?? '', (text) => `${text} `, 'snapshots'],
      ['tile/0/000', (text) => `x${text.slice(1)}`, 'integrity'],
      ['manifest.json', (text) => text.replace(/"rows": (\d+)/, '"rows": 1$1'), 'manifest'],
      ['manifest.json', (text) => text.replace(/"snapshots": \d+/, '"snapshots": 9'), 'manifest'],
      ['manifest.json', (text) => text.replace(/"unsigned": 0/, '"unsigned": 1'), 'manifest'],
      ['manifest.json', (text) => text.replace(/"ts": "2026/, '"ts": "2025'), 'manifest'],
      ['manifest.json', (text) => text.replace(/"size": \d+,/, '"size": 1,'), 'manifest'],
      ['manifest.json', (text) => text.replace('"agent": "builder"', '"agent": "other"'), 'matching'],
      ['manifest.json', (text) => text.replace('"agent": "builder"', '"failed": true'), 'matching'],
      ['manifest.json', (text) => text.replace('"agent": "builder"', ''), 'completeness'],
    ];
    for (const [name, change, verdict] of failing) {
      const answer = await alter(name, change);
      assert.equal(answer.code, 6, `${name}: ${JSON.stringify(answer)}`);
      assert.equal(answer[verdict as 'integrity'].status, 'fail', `${name}: ${JSON.stringify(answer)}`);
    }
  });

  it('of everything shows entries that were taken out of it, also when the manifest was made to fit', async () => {
    const good = await bundle();
    const lines = (await readFile(join(good, 'entries.jsonl'), 'utf8')).trimEnd().split('\n');
    const without = async (keep: (at: number) => boolean, change = (said: Said) => said): Promise<Answer> => {
      const copy = join(home.directory, `fitted-${made++}`);
      await cp(good, copy, { recursive: true });
      const kept = lines.filter((_line, at) => keep(at));
      const text = kept.map((line) => `${line}\n`).join('');
      await writeFile(join(copy, 'entries.jsonl'), text);
      const path = join(copy, 'manifest.json');
      const said = JSON.parse(await readFile(path, 'utf8')) as Said;
      const ends = [kept.at(0), kept.at(-1)].map((line) => JSON.parse(line ?? '') as Place);
      const [first, last] = ends.map(({ index, ts }) => ({ index, ts }));
      Object.assign(said.range, { first, last });
      said.counts.entries = kept.length;
      said.files['entries.jsonl'] = { bytes: Buffer.byteLength(text), sha256: sha256Hex(text) };
      await writeFile(path, JSON.stringify(change(said)));
      return verify(copy, '--key', log.vkey);
    };
    const rows = (less: number) => (said: Said) => {
      said.counts.rows -= less;
      return said;
    };
    const middle = await without((at) => at !== 9, rows(0));
    assert.deepEqual([middle.code, middle.integrity.status, middle.completeness.status], [6, 'pass', 'fail']);
    const front = await without((at) => at > 0, rows(1));
    assert.deepEqual([front.code, front.completeness.status], [6, 'fail']);
    const pruned = await without(
      (at) => at > 0,
      (said) => ({ ...rows(1)(said), range: { ...said.range, begins: 1 } }),
    );
    assert.deepEqual([pruned.code, pruned.completeness.status], [6, 'fail']);
    assert.match(pruned.completeness.note ?? '', /no entry in it says that those before were pruned/);
    // Nothing in a bundle tells when it was made: its reader is told whose word that is.
    const tail = await without(
      (at) => at < lines.length - 2,
      (said) => ({ ...rows(2)(said), range: { ...said.range, size: lines.length - 2 } }),
    );
    assert.deepEqual([tail.code, tail.completeness.status, tail.manifest.note], [0, 'pass', undefined]);
    assert.match(tail.completeness.note ?? '', /2 more, and that these came later is the word of whoever/);
  });

  it('is not made of entries that are not the signed ones, and nothing is left of it', async () => {
    const copy = join(home.directory, 'tampered-log');
    await cp(log.directory, copy, { recursive: true });
    const path = join(copy, 'entries/000000000000.jsonl');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"evil.example"', '"good.example"'));
    const target = join(home.directory, 'never');
    const done = await home.tally(['log', 'export', '--dir', copy, '--bundle', target]);
    assert.equal(done.code, 6);
    assert.match(done.stderr, /entry 7 is not the one that was signed/);
    assert.deepEqual(
      (await readdir(home.directory)).filter((name) => /never/.test(name)),
      [],
    );
  });

  it('leaves out what is not signed yet, and says so', async () => {
    const part = await writeLogFiles(join(home.directory, 'part'), sampleDrafts(20), { signed: 30 });
    const target = join(home.directory, 'part-bundle');
    const done = await home.tally(['log', 'export', '--dir', part.directory, '--bundle', target, '--json']);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stderr, /10 entries left out: no checkpoint covers them yet/);
    const told = JSON.parse(done.stdout) as { entries: number; unsigned: number };
    assert.deepEqual([told.entries, told.unsigned], [30, 10]);
    assert.equal((await verify(target, '--key', part.vkey)).code, 0);
  });

  it('never goes over a directory that holds something', async () => {
    const target = join(home.directory, 'taken');
    await mkdir(target);
    await writeFile(join(target, 'mine'), '');
    const done = await home.tally(['log', 'export', '--dir', log.directory, '--bundle', target]);
    assert.equal(done.code, 2);
    assert.deepEqual(await readdir(target), ['mine']);
    await rm(join(target, 'mine'));
    assert.equal((await home.tally(['log', 'export', '--dir', log.directory, '--bundle', target])).code, 0);
  });
});

describe('a bundle of a log whose key was rotated', () => {
  let own: Home;
  let first: string;
  let target: string;
  before(async () => {
    own = await makeHome();
    assert.equal((await own.tally(['policy', 'allow', 'api.example.com'])).code, 0);
    for (let i = 0; i < 2; i++) {
      const done = await own.tally(['key', 'rotate', '--json']);
      assert.equal(done.code, 0, done.stderr);
      const { old } = JSON.parse(done.stdout) as { old: string };
      if (i === 0) first = old;
    }
    target = join(own.directory, 'bundle');
    const done = await own.tally(['log', 'export', '--type', 'policy', '--bundle', target]);
    assert.equal(done.code, 0, done.stderr);
  });
  after(() => own.remove());

  it('leads from the first key to the one that signs, and is verified with what this machine remembers', async () => {
    const given = await verify(target, '--key', first);
    assert.deepEqual([given.code, given.signatures.status, given.integrity.entries], [0, 'pass', 1]);
    const { code, stdout } = await own.tally(['verify', target, '--json']);
    assert.deepEqual([code, (JSON.parse(stdout) as Answer).key?.ground], [0, 'pinned']);
  });

  it('shows a rotation that was taken away or altered', async () => {
    for (const change of [
      (name: string, path: string) => (name.endsWith('.note') ? rm(path) : undefined),
      async (name: string, path: string) => {
        if (!name.endsWith('.tlog-proof')) return;
        const text = await readFile(path, 'utf8');
        await writeFile(path, text.replace(/index (\d+)/, 'index 0'));
      },
    ]) {
      const copy = join(own.directory, `rotated-${made++}`);
      await cp(target, copy, { recursive: true });
      for (const name of await readdir(join(copy, 'keys'))) await change(name, join(copy, 'keys', name));
      assert.equal((await verify(copy, '--key', first)).code, 6);
    }
  });
});
