import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { printFailure } from '../../../src/cli/output/failure.ts';
import { createProgress } from '../../../src/cli/output/progress.ts';
import { createOutput } from '../../../src/cli/output/stream.ts';
import { TallyError } from '../../../src/core/error.ts';

interface Told {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly env?: Record<string, string>;
  readonly plain?: boolean;
}

function outputOf({ isTTY = false, columns, env = {}, plain = false }: Told = {}) {
  const stream = Object.assign(new PassThrough(), { isTTY, ...(columns === undefined ? {} : { columns }) });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return {
    output: createOutput(stream, { env, plain }),
    stream,
    text: () => Buffer.concat(chunks).toString(),
  };
}

const coloured = (told: Told): boolean => outputOf(told).output.style.red('x') !== 'x';

describe('a sentence', () => {
  it('is broken at spaces on a terminal, each line painted, and stays whole on a pipe', async () => {
    const words = 'the policy is in force with the very next call';
    const terminal = outputOf({ isTTY: true, columns: 40 });
    await terminal.output.say(words, (line) => `<${line}>`);
    assert.equal(terminal.text(), '<the policy is in force with the very>\n<next call>\n');
    const pipe = outputOf();
    await pipe.output.say(words);
    assert.equal(pipe.text(), `${words}\n`);
  });
});

describe('colours', () => {
  for (const [told, expected] of [
    [{ isTTY: true }, true],
    [{}, false],
    [{ isTTY: true, env: { NO_COLOR: '1' } }, false],
    [{ isTTY: true, env: { NO_COLOR: '' } }, true],
    [{ isTTY: true, env: { TERM: 'dumb' } }, false],
    [{ env: { FORCE_COLOR: '1' } }, true],
    [{ isTTY: true, env: { FORCE_COLOR: '0' } }, false],
    [{ env: { FORCE_COLOR: '1', NO_COLOR: '1' } }, false],
    [{ isTTY: true, plain: true }, false],
  ] as const) {
    it(`are ${expected ? 'on' : 'off'} for ${JSON.stringify(told)}`, () =>
      assert.equal(coloured(told), expected));
  }
});

describe('an output', () => {
  it('has an edge on a terminal only', () => {
    assert.equal(outputOf({ isTTY: true, columns: 100 }).output.width, 100);
    assert.equal(outputOf({ columns: 100 }).output.width, undefined);
  });

  it('waits for a slow reader, and for all who write with one listener', async () => {
    const waiting: (() => void)[] = [];
    const slow = new Writable({
      highWaterMark: 1,
      write: (_chunk, _encoding, done) => void waiting.push(done),
    });
    const output = createOutput(slow, { env: {}, plain: false });
    let written = 0;
    const all = Promise.all(Array.from({ length: 50 }, () => output.write('x').then(() => written++)));
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(written, 0);
    assert.equal(slow.listenerCount('drain'), 1);
    const pump = setInterval(() => waiting.shift()?.(), 0);
    await all;
    clearInterval(pump);
    assert.equal(written, 50);
  });

  it('falls silent when its reader has gone, and lets nobody wait', async () => {
    const { output, stream, text } = outputOf();
    stream.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    await new Promise((resolve) => setImmediate(resolve));
    await output.line('too late');
    assert.equal(text(), '');
    assert.equal(output.gone.aborted, true);
    assert.equal(output.failure, undefined);
  });

  it('keeps every other failure for the end', async () => {
    const { output, stream } = outputOf();
    stream.destroy(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
    await new Promise((resolve) => setImmediate(resolve));
    assert.match(output.failure?.message ?? '', /no space/);
  });
});

describe('a printed failure', () => {
  const error = new TallyError('NOT_FOUND', 'gone: \u001b[2J', { hint: 'look '.repeat(30).trim() });

  it('is one line of JSON for a program', () => {
    const { output, text } = outputOf();
    assert.equal(printFailure(error, output, { json: true, debug: false }), 3);
    assert.deepEqual(JSON.parse(text()), {
      error: { code: 'NOT_FOUND', message: error.message, hint: error.hint },
    });
    assert.equal(text().trimEnd().split('\n').length, 1);
  });

  it('fits the terminal of a person, below its label, and obeys nothing in it', () => {
    const { output, text } = outputOf({ isTTY: true, columns: 60, env: { NO_COLOR: '1' } });
    printFailure(error, output, { json: false, debug: false });
    const lines = text().trimEnd().split('\n');
    assert.equal(lines[0], 'error: gone: \\u001b[2J');
    assert.match(lines[1] ?? '', /^hint: {2}look/);
    assert.match(lines[2] ?? '', /^ {7}look/);
    assert.ok(lines.every((line) => line.length <= 60));
  });

  it('shows an example in a hint line by line, and never so a message', () => {
    const { output, text } = outputOf({ isTTY: true, columns: 60, plain: true });
    const failure = new TallyError('NOT_FOUND', 'no\nfile', {
      hint: 'it is a table:\ntests:\n  - name: one',
    });
    printFailure(failure, output, { json: false, debug: false });
    const indent = ' '.repeat(7);
    assert.equal(
      text(),
      `error: no\\nfile\nhint:  it is a table:\n${indent}tests:\n${indent}  - name: one\n`,
    );
  });

  it('has a stack and causes only when somebody debugs', () => {
    const caused = new TallyError('INTERNAL', 'outer', { cause: new Error('inner') });
    const quiet = outputOf();
    printFailure(caused, quiet.output, { json: false, debug: false });
    assert.doesNotMatch(quiet.text(), /inner|\.ts:\d/);
    const loud = outputOf();
    printFailure(caused, loud.output, { json: false, debug: true });
    assert.match(loud.text(), /caused by: Error: inner/);
  });
});

describe('a progress bar', () => {
  it('is nothing at all on a pipe', () => {
    const { output, text } = outputOf();
    let now = 0;
    const progress = createProgress(output, 'verifying', 'MB', () => now);
    now = 10_000;
    progress.update(5, 10);
    progress.end();
    assert.equal(text(), '');
  });

  it('comes only for work that takes its time, never wraps, and leaves a clean line behind', () => {
    const { output, text } = outputOf({ isTTY: true, columns: 50 });
    let now = 0;
    const progress = createProgress(output, 'verifying', 'MB', () => now);
    progress.update(1, 10);
    assert.equal(text(), '');
    now = 500;
    progress.update(5, 10);
    const painted = text().replace('\r\u001b[2K', '');
    assert.match(painted, /^verifying {2}█+░+ {2}50 %/);
    assert.ok(painted.length < 50);
    progress.end();
    assert.ok(text().endsWith('\r\u001b[2K'));
  });
});
