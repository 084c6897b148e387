import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { openSession } from '../../src/open.ts';
import { type Home, makeHome, until } from '../support/home.ts';
import { sampleDrafts, writeLogFiles } from '../support/logfiles.ts';

let home: Home;
before(async () => {
  home = await makeHome();
});
after(() => home.remove());

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }
});

function tail(...args: string[]) {
  const child = home.start(['log', 'tail', ...args]);
  children.push(child);
  const seen: { line: string; at: number }[] = [];
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) seen.push({ line, at: Date.now() });
  });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, seen, closed, errors: () => errors };
}

const session = () =>
  openSession({ paths: home.paths, client: { surface: 'sdk' }, onWarning: (line) => assert.fail(line) });
const call = (agent: string) => ({
  event: {
    type: 'tool.call',
    phase: 'pre_exec' as const,
    actor: { agent_id: agent },
    action: { name: 'search' },
  },
});

describe('tally log tail', () => {
  it('shows the newest entries in the order of the log and ends', async () => {
    const directory = join(home.directory, 'sample');
    const log = await writeLogFiles(directory, sampleDrafts(20), { segmentEntries: 16 });
    const { stdout, code } = await home.tally(['log', 'tail', '-n', '3', '--jsonl', '--dir', directory]);
    assert.equal(code, 0);
    assert.equal(
      stdout,
      log.lines
        .slice(-3)
        .map((line) => `${line.toString()}\n`)
        .join(''),
    );
  });

  it('shows a call that another process makes within 200 ms of its acknowledgement', async () => {
    const { seen, child, closed } = tail('-f', '-n', '0', '--jsonl');
    const writer = await session();
    try {
      // Whether the tail has begun shows only in what it shows.
      await until(async () => {
        await writer.ask('record', call('warm-up'));
        return seen.some(({ line }) => line.includes('warm-up')) || undefined;
      }, 'the first call');
      for (let i = 0; i < 5; i++) {
        const { index } = await writer.ask('record', call(`agent-${i}`));
        const acknowledged = Date.now();
        const found = await until(
          () => seen.find(({ line }) => (JSON.parse(line) as { index: number }).index === index),
          `entry ${index}`,
        );
        assert.ok(found.at - acknowledged < 200, `${found.at - acknowledged} ms`);
      }
    } finally {
      await writer.close();
    }
    await until(() => seen.some(({ line }) => line.includes('log.close')) || undefined, 'the close');
    child.kill('SIGINT');
    assert.equal(await closed, 0);
  });

  it('applies filters to what it shows live', async () => {
    const { seen, child, closed } = tail('-f', '-n', '0', '--jsonl', '--agent', 'wanted');
    const writer = await session();
    await until(async () => {
      await writer.ask('record', call('other'));
      await writer.ask('record', call('wanted'));
      return seen.length > 0 || undefined;
    }, 'the wanted call');
    await writer.close();
    child.kill('SIGINT');
    await closed;
    assert.ok(seen.every(({ line }) => line.includes('"agent_id":"wanted"')));
  });

  it('says that it waits when there is no log yet, and ends cleanly', async () => {
    const { child, closed, errors } = tail('-f', '--dir', join(home.directory, 'not-yet'));
    await until(() => errors().includes('waiting') || undefined, 'the note');
    child.kill('SIGTERM');
    assert.equal(await closed, 0);
  });

  it('ends quietly when its reader is gone', async () => {
    const { child, closed, seen, errors } = tail('-f', '-n', '5', '--jsonl');
    await until(() => seen.length > 0 || undefined, 'the first lines');
    child.stdout?.destroy();
    const writer = await session();
    await writer.ask('record', call('last'));
    await writer.close();
    assert.equal(await closed, 0);
    assert.equal(errors(), '');
  });

  it('tells a missing log from an empty answer when it does not follow', async () => {
    const { code } = await home.tally(['log', 'tail', '--dir', join(home.directory, 'not-yet')]);
    assert.equal(code, 3);
  });
});
