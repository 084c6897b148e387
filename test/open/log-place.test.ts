import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { withLogPlace } from '../../src/open/log-place.ts';
import { openSession } from '../../src/open.ts';
import { locate, type Paths } from '../../src/paths.ts';

const CLIENT = { surface: 'cli' } as const;

describe('the place of the log', () => {
  let root: string;
  let plain: Paths;

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'tally-place-'));
    const env = { TALLY_HOME: join(root, 'home'), XDG_RUNTIME_DIR: join(root, 'r') };
    plain = locate({ env, home: root, tmp: root, uid: 0 });
    await mkdir(join(root, 'home'));
  });
  after(() => rm(root, { recursive: true, force: true }));

  const configure = (text: string) => writeFile(plain.configFile, text, { mode: 0o600 });
  const placed = () => withLogPlace(plain, root);
  async function record(paths: Paths): Promise<void> {
    const session = await openSession({
      paths,
      client: CLIENT,
      brief: true,
      onWarning: assert.fail,
      allowObserve: false,
    });
    await session.close();
  }

  it('is the state directory where nothing is said', async () => {
    assert.equal((await placed()).logs, plain.logs);
    await configure('audit: { enabled: true }\n');
    assert.equal((await placed()).logs, plain.logs);
  });

  it('is the directory of audit.path, of this user alone, with all else where it was', async () => {
    await configure('audit:\n  path: ~/audit/agents\n');
    const paths = await placed();
    assert.deepEqual(paths, { ...plain, logs: join(root, 'audit', 'agents') });
    await record(paths);
    assert.equal((await stat(paths.logs)).mode & 0o777, 0o700);
    assert.match(await readFile(join(paths.logs, 'local', 'log.json'), 'utf8'), /tallystick|origin/);
    assert.equal(existsSync(join(plain.logs, 'local')), false);
  });

  it('begins no new log where an older one is remembered, and goes on once that was moved', async () => {
    const { logs: old } = await placed();
    const wanted = join(root, 'elsewhere');
    await configure(`audit: { path: '${wanted}' }\n`);
    const paths = await placed();
    await assert.rejects(record(paths), { code: 'LOG_ROLLED_BACK' });
    await rm(wanted, { recursive: true, force: true });
    await rename(old, wanted);
    await record(paths);
  });

  it('fails those who need the log when the configuration cannot be read, and nobody before', async () => {
    await configure('audit: { path: relative/to/what }\n');
    const paths = await placed();
    assert.equal(paths.vault, plain.vault);
    assert.throws(() => paths.logs, { code: 'BAD_CONFIG', message: /audit\.path: a directory, from/ });
  });
});
