/** What is told of a log of this machine that lost a part: what is gone, which file it is, and what brings it back. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type Home, makeHome } from '../support/home.ts';
import { recordNotes } from '../support/notes.ts';

describe('a log of this machine that lost a part', () => {
  let home: Home;
  let kept: string;
  before(async () => {
    home = await makeHome();
    await recordNotes(home, 300);
    kept = join(home.directory, 'kept');
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

  const inLog = (...path: string[]): string => join(home.paths.logs, 'local', ...path);

  it('is not taken for one that was never there', async () => {
    rmSync(inLog(), { recursive: true });
    const doctor = await home.tally(['doctor', '--json']);
    const { ok, checks } = JSON.parse(doctor.stdout) as {
      ok: boolean;
      checks: readonly { name: string; status: string; detail: string; mend?: string }[];
    };
    assert.deepEqual([doctor.code, ok], [1, false]);
    const check = checks.find(({ name }) => name === 'log');
    assert.equal(check?.status, 'fail');
    assert.match(check?.detail ?? '', /log\.json of local is gone, but the log is remembered/);
    assert.match(check?.mend ?? '', /restore the log directory.*tally log continue --reason/);
    for (const args of [['status'], ['log', 'list'], ['log', 'prove', '3']]) {
      const { code, stderr } = await home.tally(args);
      assert.equal(code, 6, args.join(' '));
      assert.match(stderr, /LOG_ROLLED_BACK/, args.join(' '));
    }
  });

  it('is rolled back for the status, too, when it lies there as in an older backup', async () => {
    await recordNotes(home, 1);
    rmSync(home.paths.logs, { recursive: true });
    cpSync(join(kept, 'logs'), home.paths.logs, { recursive: true });
    const { stdout } = await home.tally(['status']);
    assert.match(
      stdout,
      /checkpoint +not to be believed: this machine remembers one of \d+ entries: the log was rolled back/,
    );
  });

  it('names the file of a remembered key that is damaged', async () => {
    writeFileSync(join(home.paths.heads, 'local', 'vkey'), 'vm/local+00000000+AAAA\n');
    const { code, stderr } = await home.tally(['verify']);
    assert.equal(code, 6);
    assert.match(stderr, /the remembered key in heads\/local\/vkey is none: .*--key VKEY/);
  });

  it('says what to put back when the checkpoint is gone', async () => {
    rmSync(inLog('checkpoint'));
    const { code, stdout, stderr } = await home.tally(['verify']);
    assert.equal(code, 2);
    assert.match(stdout + stderr, /put the file `checkpoint` of the log back from a backup/);
  });

  it('says how hash tiles come back that a start is refused without, and they do', async () => {
    const tiles = inLog('tile');
    rmSync(tiles, { recursive: true });
    const { code, stdout, stderr } = await home.tally(['verify']);
    assert.equal(code, 0);
    assert.match(stdout, /tiles incomplete: absent: 1; .* refused without older ones/);
    assert.match(stdout + stderr, /tally log publish DIR/);
    const published = join(home.directory, 'published');
    assert.equal((await home.tally(['log', 'publish', published])).code, 0);
    for (const level of readdirSync(join(published, 'tile')).filter((name) => /^\d$/.test(name)))
      cpSync(join(published, 'tile', level), join(tiles, level), { recursive: true });
    const again = await home.tally(['verify']);
    assert.equal(again.code, 0);
    assert.doesNotMatch(again.stdout, /tiles incomplete/);
    rmSync(published, { recursive: true });
  });

  it('goes on in a new one by a command that says how the old one is judged, whatever lies where the registry was', async () => {
    rmSync(inLog(), { recursive: true });
    const { code, stdout } = await home.tally(['log', 'continue', '--reason', 'lost']);
    assert.equal(code, 0);
    assert.match(stdout, /tally verify --dir \S+\/logs\/local$/m);
    const registry = join(home.paths.registry, 'local@2.json');
    rmSync(registry, { force: true });
    execFileSync('mkfifo', [registry]);
    const registered = await home.tally(['agent', 'register', 'a']);
    assert.equal(registered.code, 0, registered.stderr);
    for (const parent of [home.paths.logs, home.paths.heads])
      rmSync(join(parent, 'local@2'), { recursive: true });
  });

  it('is not hidden by a directory that somebody made beside it', async () => {
    const size = async (): Promise<unknown> =>
      (JSON.parse((await home.tally(['verify', '--json'])).stdout) as { entries: unknown }).entries;
    for (const parent of [home.paths.logs, home.paths.heads]) {
      const before = await size();
      assert.ok(Number(before) > 300);
      mkdirSync(join(parent, 'local@7'));
      assert.equal(await size(), before);
      await recordNotes(home, 1);
      assert.ok(Number(await size()) > Number(before));
      rmSync(join(parent, 'local@7'), { recursive: true });
    }

    // With something in it that looks like the beginning of a log it is refused, and nothing is begun in it.
    const planted = join(home.paths.logs, 'local@2');
    mkdirSync(planted);
    cpSync(inLog('log.json'), join(planted, 'log.json'));
    for (const args of [['verify'], ['log', 'list'], ['status'], ['agent', 'register', 'a']]) {
      const { code, stderr } = await home.tally(args);
      assert.equal(code, 6, args.join(' '));
      assert.match(stderr, /local@2 is there, but this machine never began a log in it/, args.join(' '));
    }
    const doctor = await home.tally(['doctor']);
    assert.equal(doctor.code, 1);
    assert.match(doctor.stdout, /FAIL +log .*never began a log in it/);
    const refused = await home.tally(['log', 'continue', '--reason', 'no reason']);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /move \S+local@2 away/);
    assert.deepEqual(
      readdirSync(planted, { recursive: true }).filter((name) => name !== 'entries'),
      ['log.json'],
    );

    // A continuation that was cut short cites the log that was lost, and not what was cut short.
    rmSync(inLog('checkpoint'));
    const { code, stdout } = await home.tally(['log', 'continue', '--reason', 'lost']);
    assert.equal(code, 0);
    assert.match(stdout, /local@3/);
    const info = JSON.parse(readFileSync(join(home.paths.logs, 'local@3', 'log.json'), 'utf8')) as {
      continues: { log: string };
    };
    assert.equal(info.continues.log, 'local');
    for (const parent of [home.paths.logs, home.paths.heads])
      rmSync(join(parent, 'local@3'), { recursive: true });
    rmSync(planted, { recursive: true });
  });

  it('makes nobody wait for a pipe under the name of its checkpoint or of the policy', async () => {
    rmSync(inLog('checkpoint'));
    execFileSync('mkfifo', [inLog('checkpoint')]);
    const { code, stdout } = await home.tally(['status', '--json']);
    assert.equal(code, 0);
    assert.match(stdout, /checkpoint is no plain file/);
    const policy = `${home.paths.policyFile}.kept`;
    appendFileSync(home.paths.policyFile, '');
    renameSync(home.paths.policyFile, policy);
    execFileSync('mkfifo', [home.paths.policyFile]);
    try {
      assert.match((await home.tally(['status'])).stdout, /is no file/);
    } finally {
      rmSync(home.paths.policyFile);
      renameSync(policy, home.paths.policyFile);
    }
  });
});
