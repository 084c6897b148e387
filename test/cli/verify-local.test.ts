/** What `tally verify` says of this machine's own log when heads/ and the log do not fit, though every entry is there. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type Home, makeHome } from '../support/home.ts';
import { recordNotes } from '../support/notes.ts';

describe('the log of this machine and what it remembers of it', () => {
  let home: Home;
  let kept: string;
  const inLog = (...path: string[]): string => join(home.paths.logs, 'local', ...path);
  const inHeads = (...path: string[]): string => join(home.paths.heads, 'local', ...path);
  /** A checkpoint of a size at which only the first key had signed. */
  const older = (): string => join(kept, 'older');
  before(async () => {
    home = await makeHome();
    kept = join(home.directory, 'kept');
    await recordNotes(home, 5);
    cpSync(inLog('checkpoint'), older());
    for (let i = 0; i < 2; i++) {
      await recordNotes(home, 5);
      assert.equal((await home.tally(['key', 'rotate'])).code, 0);
    }
    for (const part of ['logs', 'heads', 'keys'])
      cpSync(join(home.paths.state, part), join(kept, part), { recursive: true });
  });
  after(() => home.remove());
  beforeEach(() => {
    for (const part of ['logs', 'heads', 'keys']) {
      rmSync(join(home.paths.state, part), { recursive: true, force: true });
      cpSync(join(kept, part), join(home.paths.state, part), { recursive: true });
    }
  });

  const verify = async () => {
    const { code, stdout } = await home.tally(['verify', '--json']);
    const report = JSON.parse(stdout) as {
      integrity: { status: string };
      append_only: { status: string; note: string; heads: { status: string }[] };
      signatures: { status: string; note?: string };
      log_json?: string;
    };
    return { code, report };
  };

  it('does not pass with an older checkpoint in place of the newest, and does with the remembered one', async () => {
    cpSync(older(), inLog('checkpoint'));
    const { code, report } = await verify();
    assert.deepEqual(
      [code, report.integrity.status, report.append_only.status, report.append_only.heads[0]?.status],
      [6, 'pass', 'fail', 'fail'],
    );
    const { stdout, stderr } = await home.tally(['verify']);
    assert.match(
      stdout,
      /✗ append-only +head: local: the log's checkpoint is of \d+ entries, older than the one of \d+ that this machine remembers; the entries are there/,
    );
    assert.match(stderr, /copy heads\/local\/checkpoint in its place/);
    assert.doesNotMatch(stderr, /is not the one that was written/);
    cpSync(inHeads('checkpoint'), inLog('checkpoint'));
    assert.equal((await verify()).code, 0);
  });

  it('does not offer the newer checkpoint as the whole mend when something else is wrong as well', async () => {
    cpSync(older(), inLog('checkpoint'));
    rmSync(inLog('log.json'));
    const { code, stderr } = await home.tally(['verify']);
    assert.equal(code, 6);
    assert.match(stderr, /is not the one that was written/);
  });

  it('passes with a checkpoint that is newer than the remembered one, as a crash between the two leaves it', async () => {
    cpSync(older(), inHeads('checkpoint'));
    assert.equal((await verify()).code, 0);
  });

  it('says of a damaged head which file it is, and holds it neither against the log nor for it', async () => {
    const head = readFileSync(inHeads('checkpoint'), 'utf8');
    const changed = ['garbage\n', '', head.slice(0, -20), head.replace('/local\n', '/lokal\n')];
    for (const text of changed) {
      writeFileSync(inHeads('checkpoint'), text);
      const { code, report } = await verify();
      assert.deepEqual(
        [code, report.append_only.status, report.log_json],
        [2, 'incomplete', undefined],
        text,
      );
      assert.match(report.append_only.note, /^heads\/local\/checkpoint is damaged \(.*a rollback cannot be/);
    }
    const { stderr } = await home.tally(['verify']);
    assert.match(stderr, /put heads\/local\/checkpoint back from a backup/);
    assert.doesNotMatch(stderr, /is not the one that was written/);
  });

  it('still holds a sound head of another log against it', async () => {
    const other = await makeHome();
    try {
      await recordNotes(other, 1);
      rmSync(join(other.paths.logs, 'local'), { recursive: true });
      assert.equal((await other.tally(['log', 'continue', '--reason', 'lost'])).code, 0);
      cpSync(join(other.paths.heads, 'local@2', 'checkpoint'), inHeads('checkpoint'));
      const { code, report } = await verify();
      assert.equal(code, 6);
      assert.match(report.log_json ?? '', /names the origin .*, the remembered head is of .*\/2$/);
      assert.doesNotMatch(report.append_only.note, /damaged/);
    } finally {
      await other.remove();
    }
  });

  it('does not pass without the remembered rotation notes, names them where a start is refused, and how to mend it', async () => {
    const names = readdirSync(inHeads('keys'));
    assert.equal(names.length, 2);
    rmSync(inHeads('keys'), { recursive: true });
    const { code, report } = await verify();
    assert.deepEqual([code, report.append_only.status, report.signatures.status], [2, 'pass', 'incomplete']);
    const told = await home.tally(['verify']);
    const doctor = await home.tally(['doctor', '--json']);
    assert.equal(doctor.code, 1);
    const { checks } = JSON.parse(doctor.stdout) as { checks: { name: string; detail: string }[] };
    const history = checks.find((check) => check.name === 'key history')?.detail ?? '';
    const start = await home.tally(['key', 'rotate']);
    assert.equal(start.code, 6);
    for (const name of names) {
      for (const text of [report.signatures.note ?? '', history, start.stderr])
        assert.ok(text.includes(`heads/local/keys/${name}`), text);
      assert.ok(told.stderr.includes(`logs/local/keys/${name}`), told.stderr);
    }
    assert.match(start.stderr, /which files of logs\/local\/keys\/ to copy into heads\/local\/keys\//);
    cpSync(inLog('keys'), inHeads('keys'), { recursive: true });
    assert.equal((await verify()).code, 0);
    assert.equal((await home.tally(['key', 'rotate'])).code, 0);
  });

  it('is refused at a start for a checkpoint that is old, gone or of another log, and not for rotations', async () => {
    const changes: readonly (readonly [() => void, RegExp])[] = [
      [
        () => cpSync(older(), inLog('checkpoint')),
        /is of \d+ entries, older than the one of \d+ that this machine/,
      ],
      [() => rmSync(inLog('checkpoint')), /the checkpoint of the log is gone/],
      [
        () =>
          writeFileSync(inLog('checkpoint'), readFileSync(older(), 'utf8').replace('/local\n', '/lokal\n')),
        /the checkpoint in the log is of \S+lokal, not of \S+local/,
      ],
    ];
    for (const [change, message] of changes) {
      change();
      const { code, stderr } = await home.tally(['key', 'rotate']);
      assert.equal(code, 6);
      assert.match(stderr, message);
      assert.match(stderr, /copy it to logs\/local\/checkpoint/);
    }
    cpSync(inHeads('checkpoint'), inLog('checkpoint'));
    assert.equal((await home.tally(['key', 'rotate'])).code, 0);
  });
});
