import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
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

  it('begins at an entry or a time, also inside a sealed segment, and shows everything from there on', async () => {
    const directory = join(home.directory, 'from');
    const log = await writeLogFiles(directory, sampleDrafts(300), { segmentEntries: 256 });
    const shown = async (...args: string[]): Promise<string[]> => {
      const { stdout, stderr, code } = await home.tally([
        'log',
        'tail',
        '--jsonl',
        '--dir',
        directory,
        ...args,
      ]);
      assert.equal(code, 0, stderr);
      return stdout.split('\n').slice(0, -1);
    };
    const stored = log.lines.map((line) => line.toString());
    assert.deepEqual(await shown('--from', '250'), stored.slice(250));
    assert.deepEqual(await shown('--from', '9999'), []);
    const { ts } = JSON.parse(stored[280] ?? '') as { ts: string };
    assert.deepEqual(
      await shown('--since', ts),
      stored.filter((line) => (JSON.parse(line) as { ts: string }).ts >= ts),
    );
    assert.equal((await shown('--since', ts, '-n', '3')).length, 3);
    const { code, stderr } = await home.tally(['log', 'tail', '--from', '3', '-n', '3', '--dir', directory]);
    assert.equal(code, 2, stderr);
  });

  it('says where entries are missing and how long no recorder ran, and at the end where to go on', async () => {
    const directory = join(home.directory, 'gaps');
    const source = { assurance: 'enforced' };
    const line = (index: number, type: string, time: string): string =>
      `${JSON.stringify({ id: `log_${index}`, index, phase: 'point', source, ts: `2026-11-20T${time}.000Z`, type, v: 1 })}\n`;
    await mkdir(join(directory, 'entries'), { recursive: true });
    await writeFile(
      join(directory, 'entries', '000000000000.jsonl'),
      line(0, 'log.open', '14:00:00') +
        line(1, 'log.close', '14:02:00') +
        line(2, 'log.open', '14:09:00') +
        line(5, 'note', '14:10:00') +
        line(6, 'log.open', '14:20:00'),
    );
    const { child, closed, seen, errors } = tail(
      '-f',
      '--utc',
      '--from',
      '0',
      '--agent',
      'nobody',
      '--dir',
      directory,
    );
    await until(() => seen.length >= 4 || undefined, 'the lines');
    child.kill('SIGINT');
    assert.equal(await closed, 0);
    const said = seen.slice(1).map(({ line: text }) => text);
    assert.match(said[0] ?? '', /^── recorder stopped 11-20 14:02:00–11-20 14:09:00 \(7m 00s\) ──$/);
    assert.match(said[1] ?? '', /^── entries 3–4 are not in the log: run `tally verify` ──$/);
    assert.match(said[2] ?? '', /^── recorder ended without closing the log, 11-20 14:10:00–11-20 14:20:00/);
    assert.match(errors(), /to go on from here: tally log tail -f --from 7/);
  });

  it('finds words live in the end of a call whose beginning has them', async () => {
    const writer = await session();
    const pre = await writer.ask('record', {
      event: {
        type: 'tool.call',
        phase: 'pre_exec',
        reason: 'the quarterly report',
        action: { name: 'search' },
      },
    });
    const { seen, child, closed } = tail('-f', '-n', '0', '--jsonl', '--text', 'quarterly REPORT');
    await until(async () => {
      const end = await writer.ask('record', {
        event: { type: 'note', phase: 'point', reason: 'another quarterly report' },
      });
      assert.ok(end.index > pre.index);
      return seen.length > 0 || undefined;
    }, 'that it follows');
    await writer.ask('record', {
      event: { type: 'tool.call', phase: 'post_exec', parent_id: pre.id, outcome: { status: 'ok' } },
    });
    await until(() => seen.some(({ line: text }) => text.includes(pre.id)) || undefined, 'the end');
    await writer.close();
    child.kill('SIGINT');
    assert.equal(await closed, 0);
  });
});
