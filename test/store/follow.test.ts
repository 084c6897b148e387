import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, rename, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { LIMITS } from '../../src/core/limits.ts';
import { type Followed, follow } from '../../src/store/file/follow.ts';
import { segmentName } from '../../src/store/file/names.ts';
import { openFileStore } from '../../src/store/file/store.ts';
import { until } from '../support/home.ts';
import { linesOf, sealedPath, writeSegments } from '../support/sealed.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function followed(options: { readonly begin?: string; readonly offset?: number } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'tally-follow-'));
  const file = (first: number): string => join(directory, 'entries', segmentName(first));
  if (options.begin !== undefined) {
    await mkdir(join(directory, 'entries'));
    await writeFile(file(0), options.begin);
  }
  const stop = new AbortController();
  const news: string[] = [];
  const from = options.offset === undefined ? undefined : { first: 0, offset: options.offset };
  const running = (async () => {
    for await (const each of follow(directory, { from, signal: stop.signal, pollMs: 20 }))
      news.push(...told(each));
  })();
  ends.push(async () => {
    stop.abort();
    await running;
    await rm(directory, { recursive: true, force: true });
  });
  return { directory, file, news, stop, running };
}

function told(news: Followed): string[] {
  if (news.kind === 'idle') return [];
  if (news.kind !== 'lines') return [news.kind];
  const lines: string[] = [];
  for (let i = 0; i < news.bounds.length; i += 2)
    lines.push(news.bytes.toString('utf8', news.bounds[i], news.bounds[i + 1]));
  return lines;
}

const seen = (news: readonly string[], expected: readonly string[]) =>
  until(
    () => news.length >= expected.length || undefined,
    `${expected.length} news, have ${news.join(' ')}`,
  ).then(() => assert.deepEqual(news, expected));

describe('following a log', () => {
  it('gives what is there from the place on, and then every line as it comes', async () => {
    const { file, news } = await followed({ begin: 'one\ntwo\n', offset: 4 });
    await seen(news, ['two']);
    await appendFile(file(0), 'three\nfour\n');
    await seen(news, ['two', 'three', 'four']);
  });

  it('waits for the end of a line', async () => {
    const { file, news } = await followed({ begin: '' });
    await appendFile(file(0), 'hal');
    await new Promise((resolve) => setTimeout(resolve, 80));
    assert.deepEqual(news, []);
    await appendFile(file(0), 'f\n');
    await seen(news, ['half']);
  });

  it('waits for a log that does not exist yet', async () => {
    const { directory, file, news } = await followed();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await mkdir(join(directory, 'entries'));
    await writeFile(file(0), 'first\n');
    await seen(news, ['first']);
  });

  it('goes on into the next segment after the last line of the one before', async () => {
    const { file, news } = await followed({ begin: 'one\n' });
    await seen(news, ['one']);
    await appendFile(file(0), 'two\n');
    await writeFile(file(2), 'three\n');
    await seen(news, ['one', 'two', 'three']);
    await appendFile(file(2), 'four\n');
    await seen(news, ['one', 'two', 'three', 'four']);
  });

  it('says that the file became shorter, and goes on at its new end', async () => {
    const { file, news } = await followed({ begin: 'one\ntwo\n' });
    await seen(news, ['one', 'two']);
    await truncate(file(0), 4);
    await seen(news, ['one', 'two', 'truncated']);
    await appendFile(file(0), 'new\n');
    await seen(news, ['one', 'two', 'truncated', 'new']);
  });

  it('takes no notice when recovery cuts off a line that was never whole', async () => {
    const { file, news } = await followed({ begin: 'one\nhal' });
    await seen(news, ['one']);
    await truncate(file(0), 4);
    await appendFile(file(0), 'next\n');
    await seen(news, ['one', 'next']);
  });

  it('says that the file was replaced, and goes on in the new one', async () => {
    const { file, news } = await followed({ begin: 'one\n' });
    await seen(news, ['one']);
    await writeFile(`${file(0)}.new`, 'ONE\n');
    await rename(`${file(0)}.new`, file(0));
    await seen(news, ['one', 'replaced']);
    await appendFile(file(0), 'two\n');
    await seen(news, ['one', 'replaced', 'two']);
  });

  it('says that the file is gone, and reads what comes back in its place', async () => {
    const { file, news } = await followed({ begin: 'one\n' });
    await seen(news, ['one']);
    await unlink(file(0));
    await seen(news, ['one', 'replaced']);
    await writeFile(file(0), 'again\n');
    await seen(news, ['one', 'replaced', 'again']);
  });

  it('passes over a line that is longer than an entry can be', async () => {
    const { file, news } = await followed({ begin: 'one\n' });
    for (let i = 0; i < 5; i++) await appendFile(file(0), 'y'.repeat(LIMITS.entryBytes));
    await appendFile(file(0), '\ntwo\n');
    await seen(news, ['one', 'overlong', 'two']);
    // Whole before anybody looked.
    await appendFile(file(0), `three\n${'y'.repeat(LIMITS.entryBytes * 3)}\nfour\n`);
    await seen(news, ['one', 'overlong', 'two', 'three', 'overlong', 'four']);
  });

  it('loses and repeats no line while segment after segment is sealed under it, and calls nothing tampering', async () => {
    const { directory, news } = await followed();
    const store = await openFileStore(directory);
    for (let first = 0; first < 256 * 6; first += 256) {
      await store.openSegment(first);
      for (let at = first; at < first + 256; at += 64) await store.append(Buffer.from(linesOf(at, at + 64)));
      // The oldest plain one, as soon as there is a later one: its reader may be anywhere in it.
      if (first > 0) await store.seal(first - 256);
    }
    const expected = linesOf(0, 256 * 6)
      .split('\n')
      .slice(0, -1);
    await until(() => news.length >= expected.length || undefined, 'every line');
    assert.deepEqual(news, expected);
    await store.close();
  });

  it('reads the rest of a segment that was sealed before its reader got there, and begins in a sealed one', async () => {
    const plain = await followed({ begin: linesOf(0, 512) });
    await seen(plain.news, linesOf(0, 512).split('\n').slice(0, -1));
    const store = await openFileStore(plain.directory);
    await store.openSegment(512);
    await store.append(Buffer.from(linesOf(512, 514)));
    await store.seal(0);
    await seen(plain.news, linesOf(0, 514).split('\n').slice(0, -1));
    const stop = new AbortController();
    const lines: string[] = [];
    const from = { first: 0, offset: linesOf(0, 300).length };
    for await (const each of follow(plain.directory, { from, signal: stop.signal, pollMs: 20 })) {
      lines.push(...told(each));
      if (lines.length >= 214) stop.abort();
    }
    assert.deepEqual(lines, linesOf(300, 514).split('\n').slice(0, -1));
    await store.close();
  });

  it('says that a segment was replaced when the sealed one in its place has another length', async () => {
    const { directory, file, news } = await followed({ begin: linesOf(0, 256) });
    await seen(news, linesOf(0, 256).split('\n').slice(0, -1));
    const other = await mkdtemp(join(tmpdir(), 'tally-follow-'));
    ends.push(() => rm(other, { recursive: true }));
    await writeSegments(other, [0, 512], [0]);
    await rename(sealedPath(other, 0), sealedPath(directory, 0));
    await unlink(file(0));
    await until(() => news.length > 256 || undefined, 'news of the change');
    assert.equal(news[256], 'replaced');
  });

  it('ends when it is told to', async () => {
    const { stop, running } = await followed({ begin: 'one\n' });
    stop.abort();
    await running;
  });
});
