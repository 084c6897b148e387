import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readLines } from '../../src/cli/lines.ts';
import { openNewest, proveEntry, signerOf, trustedKey } from '../../src/cli/prove.ts';
import { encodeUtf8 } from '../../src/core/bytes.ts';
import { cosignerFromSkey, makeCosignerKey } from '../../src/core/tlog/cosignature.ts';
import { parseNote, signNote } from '../../src/core/tlog/note.ts';
import { encodeProofFile, parseProofFile } from '../../src/core/tlog/proof-file.ts';
import { openSession } from '../../src/open.ts';
import { openReader } from '../../src/reader.ts';
import { type Home, makeHome } from '../support/home.ts';

let home: Home;
/** A machine that never saw the log. */
let stranger: Home;
let vkey: string;
let entries: string[];
before(async () => {
  [home, stranger] = await Promise.all([makeHome(), makeHome()]);
  const session = await openSession({
    paths: home.paths,
    client: { surface: 'sdk' },
    onWarning: (line) => assert.fail(line),
  });
  for (let i = 0; i < 5; i++)
    await session.ask('record', { event: { type: 'step.note', phase: 'point', metadata: { i } } });
  await session.close();
  entries = (await readFile(join(home.paths.logs, 'local/entries/000000000000.jsonl'), 'utf8'))
    .trim()
    .split('\n');
  const { stdout } = await home.tally(['key', 'list', '--json']);
  vkey = (JSON.parse(stdout) as { keys: { vkey: string }[] }).keys[0]?.vkey ?? '';
});
after(async () => {
  await home.remove();
  await stranger.remove();
});

interface Answer {
  exit_code: number;
  index?: number;
  integrity: { status: string };
  signatures: { status: string };
  key: { ground: string } | null;
  entry: { index: number } | null;
}

async function verify(machine: Home, ...args: string[]): Promise<Answer & { code: number | null }> {
  const { stdout, stderr, code } = await machine.tally(['verify', '--json', ...args]);
  assert.notEqual(stdout, '', stderr);
  return { ...(JSON.parse(stdout) as Answer), code };
}

const file = (name: string): string => join(home.directory, name);
const prove = async (name: string, ...args: string[]): Promise<string> => {
  const { code, stderr } = await home.tally(['log', 'prove', ...args, '--out', file(name)]);
  assert.equal(code, 0, stderr);
  return file(name);
};

describe('tally log prove', () => {
  it('writes a file that a stranger verifies with nothing but the key', async () => {
    const proof = await prove('3.tlog-proof', '3');
    const answer = await verify(stranger, proof, '--key', vkey);
    assert.deepEqual(
      [answer.code, answer.index, answer.integrity.status, answer.signatures.status, answer.key?.ground],
      [0, 3, 'pass', 'pass', 'given'],
    );
    assert.deepEqual(answer.entry, JSON.parse(entries[3] ?? ''));
    // The entry is in it: as confidential as the log.
    assert.equal((await stat(proof)).mode & 0o777, 0o600);
  });

  it('is no pass for a stranger without a key, and one for the machine that remembers it', async () => {
    const proof = await prove('2.tlog-proof', '2');
    const unknown = await verify(stranger, proof);
    assert.deepEqual([unknown.code, unknown.key, unknown.entry], [2, null, null]);
    const known = await verify(home, proof);
    assert.deepEqual([known.code, known.key?.ground], [0, 'pinned']);
  });

  it('prints the proof alone on standard output, by index or by id', async () => {
    const byIndex = await home.tally(['log', 'prove', '1']);
    const { id } = JSON.parse(entries[1] ?? '') as { id: string };
    const byId = await home.tally(['log', 'prove', id]);
    assert.equal(byIndex.stdout, byId.stdout);
    assert.match(byIndex.stdout, /^c2sp\.org\/tlog-proof@v1\nextra .*\nindex 1\n/);
    assert.match(byIndex.stderr, /window: no proven window/);
    const { stdout } = await home.tally(['log', 'prove', '1', '--json']);
    const shown = JSON.parse(stdout) as { id: string; proof: string; window: unknown };
    assert.deepEqual([shown.id, shown.proof, shown.window], [id, byIndex.stdout, {}]);
  });

  it('leaves the entry out when it is asked to: then its bytes have to come from elsewhere', async () => {
    const proof = await prove('bare.tlog-proof', '4', '--no-entry');
    assert.equal((await readFile(proof, 'utf8')).includes('extra'), false);
    assert.equal((await verify(home, proof)).code, 2);
    await writeFile(file('entry'), `${entries[4]}\n`);
    assert.equal((await verify(home, proof, '--entry', file('entry'))).code, 0);
    await writeFile(file('other'), `${entries[3]}`);
    assert.equal((await verify(home, proof, '--entry', file('other'))).code, 6);
  });

  it('shows tampering with exit code 6 and shows nothing of the entry', async () => {
    const text = await readFile(await prove('t.tlog-proof', '3'), 'utf8');
    for (const altered of [
      text.replace('index 3', 'index 2'),
      text.replace(/extra .*/, `extra ${Buffer.from(entries[2] ?? '').toString('base64')}`),
      text.replaceAll('\n', '\r\n'),
      text.replace(/\n([A-Za-z0-9+/]{43}=)\n/, '\n'),
    ]) {
      await writeFile(file('altered'), altered);
      const { stdout, stderr, code } = await stranger.tally(['verify', file('altered'), '--key', vkey]);
      if (altered.startsWith('c2sp.org/tlog-proof@v1\n')) {
        assert.equal(code, 6, stdout);
        assert.match(stdout, /✗ integrity[\s\S]*not shown/);
      } else assert.deepEqual([code, /no proof file/.test(stderr)], [2, true]);
    }
  });

  it('says of an entry that is not signed, not there, or no proof, what it is', async () => {
    const codes = async (...args: string[]): Promise<unknown> => {
      const { code, stderr } = await home.tally(args);
      return [code, (JSON.parse(stderr.split('\n')[0] ?? '') as { error: { code: string } }).error.code];
    };
    assert.deepEqual(await codes('log', 'prove', '99'), [3, 'NOT_FOUND']);
    const other = join(home.paths.state, 'notes.txt');
    await writeFile(other, 'not to be lost');
    assert.deepEqual(await codes('log', 'prove', '1', '--out', other), [2, 'USAGE']);
    assert.equal(await readFile(other, 'utf8'), 'not to be lost');
    assert.deepEqual(await codes('log', 'prove', '1', '--out', '/nowhere/x'), [2, 'USAGE']);
    assert.deepEqual(await codes('verify', '/nowhere'), [2, 'USAGE']);
    await writeFile(file('text'), 'text');
    assert.deepEqual(await codes('verify', file('text')), [2, 'USAGE']);
    const proof = await prove('u.tlog-proof', '1');
    assert.deepEqual(await codes('verify', proof, '--head', proof), [2, 'USAGE']);
    assert.deepEqual(await codes('verify', proof, '--completeness'), [2, 'USAGE']);
    assert.deepEqual(await codes('verify', '--entry', proof), [2, 'USAGE']);
    assert.deepEqual(await codes('verify', home.directory, '--dir', home.directory), [2, 'USAGE']);
  });

  it('counts the witnesses that it is told of, and ignores all others', async () => {
    const [a, b] = [1, 2].map((fill) => {
      const name = `witness.example/${fill}`;
      return cosignerFromSkey(makeCosignerKey(name, new Uint8Array(32).fill(fill)).skey);
    });
    assert.ok(a && b);
    const { checkpoint, ...rest } = parseProofFile(await readFile(await prove('w.tlog-proof', '1')));
    const note = parseNote(checkpoint);
    const line = a.cosign(encodeUtf8(note.text), 1_800_000_000);
    const cosigned = signNote(note.text, [], [...note.signatures, line]);
    await writeFile(file('w.tlog-proof'), encodeProofFile({ ...rest, checkpoint: cosigned }));
    const run = async (...args: string[]): Promise<number | null> =>
      (await stranger.tally(['verify', file('w.tlog-proof'), '--key', vkey, ...args])).code;
    assert.equal(await run(), 0);
    assert.equal(await run('--witness', a.vkey), 0);
    assert.equal(await run('--witness', a.vkey, b.vkey), 2);
    assert.equal(await run('--witness', a.vkey, b.vkey, '--quorum', '1'), 0);
    assert.equal(await run('--witness', a.vkey, '--quorum', '2'), 2);
    assert.equal(await run('--quorum', '1'), 2);
    assert.equal(await run('--witness', vkey), 2);

    // Too few, or a false line of one that was asked for: then the entry is not shown, and the log is not to blame.
    const few = await verify(stranger, file('w.tlog-proof'), '--key', vkey, '--witness', a.vkey, b.vkey);
    assert.deepEqual([few.code, few.entry], [2, null]);
    const forged = b.cosign(encodeUtf8('another checkpoint\n'), 1_800_000_000);
    const broken = signNote(note.text, [], [...note.signatures, line, forged]);
    await writeFile(file('w.tlog-proof'), encodeProofFile({ ...rest, checkpoint: broken }));
    const bad = await stranger.tally(['verify', file('w.tlog-proof'), '--key', vkey, '--witness', b.vkey]);
    assert.equal(bad.code, 6);
    assert.match(bad.stdout, /✓ signatures[\s\S]*✗ witnesses[\s\S]*not shown/);
    assert.match(bad.stderr, /the log signed this, and somebody put a false line/);
  });

  it('takes a directory as its argument too', async () => {
    assert.equal((await verify(home, join(home.paths.logs, 'local'))).code, 0);
    const published = file('www');
    assert.equal((await home.tally(['log', 'publish', published])).code, 0);
    assert.equal((await verify(stranger, published, '--key', vkey)).code, 0);
  });

  it('goes on after the key was rotated: by the new key, and published with the notes that lead to it', async () => {
    const old = await prove('old.tlog-proof', '1');
    const rotated = await home.tally(['key', 'rotate', '--reason', 'test', '--json']);
    assert.equal(rotated.code, 0, rotated.stderr);
    const proof = await prove('new.tlog-proof', '1');
    for (const path of [old, proof]) assert.equal((await verify(home, path)).code, 0, path);
    // A stranger with the first key cannot know of the new one: that is no pass and no accusation.
    assert.equal((await verify(stranger, old, '--key', vkey)).code, 0);
    assert.equal((await verify(stranger, proof, '--key', vkey)).code, 2);
    // What is printed leads on: the key is named, and with it the file is good.
    const newer = String((JSON.parse(rotated.stdout) as { new: string }).new);
    const told = await home.tally(['log', 'prove', '1', '--out', proof]);
    assert.ok(told.stderr.includes(`this file needs the key that signed it, ${newer}`), told.stderr);
    const refused = await stranger.tally(['verify', proof, '--key', vkey]);
    assert.match(
      refused.stderr,
      /a file from before that needs the older key, and one from after it the newer key/,
    );
    assert.equal((await verify(stranger, proof, '--key', newer)).code, 0);
    const published = file('www');
    const { code, stderr } = await home.tally(['log', 'publish', published]);
    assert.equal(code, 0, stderr);
    assert.match(await readFile(join(published, 'keys/sizes'), 'utf8'), /^\d+\n$/);
    const whole = await verify(stranger, published, '--key', vkey);
    assert.deepEqual([whole.code, whole.signatures.status], [0, 'pass']);
  });
});

it('a rotation between the look at the keys and the use of the checkpoint is no sign of tampering', async () => {
  const machine = await makeHome();
  try {
    const rotate = async (): Promise<void> => {
      const session = await openSession({
        paths: machine.paths,
        client: { surface: 'cli' },
        onWarning: (line) => assert.fail(line),
      });
      await session.ask('key.rotate', {});
      await session.close();
    };
    await rotate();
    const opened = openReader(machine.paths);
    const key = await trustedKey(opened, { current: true, given: undefined });
    await rotate();
    const newest = openNewest(key);
    assert.ok(newest);
    assert.equal(signerOf(newest.checkpoint, key).vkey, key.verifier.vkey);
    const [line] = await readLines(opened.reader, 0, 1);
    assert.ok(line);
    assert.equal((await proveEntry(opened, { index: 0, line, prev: undefined }, key)).state, 'published');
  } finally {
    await machine.remove();
  }
});
