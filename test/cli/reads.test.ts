import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Home, makeHome } from '../support/home.ts';
import { sampleDrafts, writeLogFiles } from '../support/logfiles.ts';

interface Read {
  readonly type: string;
  readonly phase: string;
  readonly actor: { readonly user?: { readonly id: string }; readonly is_agent: boolean };
  readonly source: { readonly assurance: string };
  readonly metadata: { readonly command: string; readonly filter: Record<string, unknown> };
}

async function reads(home: Home): Promise<readonly Read[]> {
  const folder = join(home.paths.logs, 'local/entries');
  const texts = await Promise.all(
    (await readdir(folder)).sort().map((name) => readFile(join(folder, name), 'utf8')),
  );
  return texts
    .join('')
    .split('\n')
    .filter((line) => line.includes('"type":"log.read"'))
    .map((line) => JSON.parse(line) as Read);
}

async function startUp(home: Home): Promise<ChildProcess> {
  const up = home.start(['up', '--port', '0']);
  let said = '';
  for (const output of [up.stdout, up.stderr])
    output?.on('data', (part: Buffer) => (said += part.toString()));
  while (!said.includes('broker')) await new Promise((resolve) => setTimeout(resolve, 20));
  return up;
}

async function configure(home: Home, text: string): Promise<void> {
  await mkdir(dirname(home.paths.configFile), { recursive: true });
  await writeFile(home.paths.configFile, text, { mode: 0o600 });
}

describe('reading the log', () => {
  let home: Home;
  let up: ChildProcess;
  before(async () => {
    home = await makeHome();
    up = await startUp(home);
  });
  after(async () => {
    up.kill('SIGTERM');
    await once(up, 'exit');
    await home.remove();
  });

  it('is an entry with the person, the command and the filter while a recorder runs', async () => {
    for (const args of [
      ['log', 'list', '--agent', 'builder'],
      ['log', 'show', '0'],
      ['log', 'summary'],
      ['log', 'tail'],
      ['log', 'runs'],
      ['audit'],
    ]) {
      const { code, stderr } = await home.tally(args);
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /not recorded/);
    }
    const found = await reads(home);
    assert.deepEqual(
      found.map(({ metadata }) => metadata.command),
      ['list', 'show', 'summary', 'tail', 'runs', 'audit'],
    );
    assert.deepEqual(found[0]?.metadata.filter, { agent: 'builder' });
    assert.deepEqual(found[1]?.metadata.filter, { entry: '0' });
    for (const { phase, actor, source } of found) {
      assert.deepEqual([phase, actor.is_agent, source.assurance], ['point', false, 'self_reported']);
      assert.equal(typeof actor.user?.id, 'string');
    }
  });

  it('is not in the list that it was recorded for, and no entry for a log that lies elsewhere', async () => {
    const count = (await reads(home)).length;
    const { stdout } = await home.tally(['log', 'list', '-n', '1', '--json', '--host', 'none.example']);
    assert.doesNotMatch(stdout, /none\.example/);
    const log = await writeLogFiles(join(home.directory, 'elsewhere'), sampleDrafts(2));
    await home.tally(['log', 'list', '--dir', log.directory]);
    assert.equal((await reads(home)).length, count + 1);
  });

  it('says of a filter that is too long its hash', async () => {
    const types = Array.from({ length: 60 }, (_, i) => `custom.${'x'.repeat(40)}${i}`);
    await home.tally(['log', 'list', '--type', ...types]);
    const { filter } = (await reads(home)).at(-1)?.metadata ?? { filter: {} };
    assert.deepEqual(Object.keys(filter).sort(), ['bytes', 'sha256']);
  });

  it('is no entry when the configuration says never', async () => {
    const count = (await reads(home)).length;
    await configure(home, 'reads: never\n');
    await home.tally(['log', 'list']);
    assert.equal((await reads(home)).length, count);
    await configure(home, '# reads: never\n');
    await home.tally(['log', 'list']);
    assert.equal((await reads(home)).length, count + 1);
  });
});

describe('reading the log without a recorder', () => {
  let home: Home;
  before(async () => {
    home = await makeHome();
    assert.equal((await home.tally(['policy', 'allow', 'api.example.com'])).code, 0);
  });
  after(() => home.remove());

  it('starts none, unless the configuration says always', async () => {
    await home.tally(['log', 'list']);
    assert.equal((await reads(home)).length, 0);
    await configure(home, 'reads: always\n');
    const { code, stderr } = await home.tally(['log', 'list']);
    assert.equal(code, 0, stderr);
    assert.equal((await reads(home)).length, 1);
  });

  it('goes on when the note fails, and says so once', async () => {
    await configure(home, 'reads: sometimes\n');
    const wrong = await home.tally(['log', 'list']);
    assert.equal(wrong.code, 0);
    assert.match(wrong.stderr, /this reading is not recorded: .*config\.yaml:1/);
    await configure(home, '');
    // One that takes the connection and never answers, as a recorder that was stopped.
    await mkdir(dirname(home.paths.socket), { recursive: true, mode: 0o700 });
    const silent = createServer();
    silent.listen(home.paths.socket);
    await once(silent, 'listening');
    const held: { destroy(): void }[] = [];
    silent.on('connection', (socket) => held.push(socket));
    const { code, stderr, stdout } = await home.tally(['log', 'list']);
    assert.equal(code, 0);
    assert.equal(stderr.match(/not recorded/g)?.length, 1, stderr);
    assert.match(stdout, /policy\.change/);
    for (const socket of held) socket.destroy();
    silent.close();
  });
});
