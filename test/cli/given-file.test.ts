/** A verifier waits for nobody who may never write, and reads what it was handed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CLI, type Home, makeHome } from '../support/home.ts';
import { recordNotes } from '../support/notes.ts';

describe('files that are given to tally verify', { timeout: 60_000 }, () => {
  let home: Home;
  let pipe: string;
  let proof: string;
  before(async () => {
    home = await makeHome();
    await recordNotes(home, 3);
    pipe = join(home.directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    proof = join(home.directory, '1.tlog-proof');
    const { code, stderr } = await home.tally(['log', 'prove', '1', '--out', proof]);
    assert.equal(code, 0, stderr);
  });
  after(() => home.remove());

  it('are plain files: a pipe without a writer and a device are refused at once', async () => {
    for (const args of [
      ['verify', pipe],
      ['verify', '--head', pipe],
      ['verify', '--key', pipe],
      ['verify', proof, '--entry', pipe],
      ['verify', '/dev/zero'],
      ['verify', '--head', '/dev/zero'],
      ['verify', '--head', home.directory],
    ]) {
      const { code, stdout, stderr } = await home.tally(args);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, /USAGE.*is no plain file/, args.join(' '));
    }
  });

  it('or what a program is handed open: standard input, and the end of a pipe that a shell made', () => {
    const shell = (line: string): string =>
      execFileSync('bash', ['-c', line], {
        encoding: 'utf8',
        env: { ...home.env, TALLY: `${process.execPath} ${CLI}`, PROOF: proof },
      });
    assert.match(shell('cat "$PROOF" | $TALLY verify /dev/stdin'), /entry 1/);
    assert.match(shell('$TALLY verify <(cat "$PROOF")'), /entry 1/);
    const head = join(home.paths.logs, 'local', 'checkpoint');
    assert.ok(readFileSync(head).length > 0);
    assert.match(shell(`$TALLY verify --head <(cat "${head}")`), /append-only/);
  });
});
