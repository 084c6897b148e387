import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collect, makeHome, until } from '../support/home.ts';

describe('a signal that ends a recorder', () => {
  it('is one press of Ctrl-C when it comes twice at once, as it does under npm: the log is closed and signed', async (t) => {
    const home = await makeHome();
    t.after(() => home.remove());
    const up = home.start(['up', '--port', '0']);
    const ended = collect(up);
    let told = '';
    up.stderr?.on('data', (chunk: Buffer) => (told += chunk.toString()));
    await until(() => (told.includes('recorder') || told.includes('log') ? true : undefined), 'its start');
    await until(
      async () =>
        (await home.tally(['status', '--json'])).stdout.match(/"running": ?true/) ? true : undefined,
      'an answer',
    );
    up.kill('SIGINT');
    up.kill('SIGINT');
    const { stderr } = await ended;
    assert.match(stderr, /closed: \d+ entries, \d+ entries signed/);
    const { stdout } = await home.tally(['verify', '--json', '--completeness']);
    const { entries, size } = JSON.parse(stdout) as { entries: number; size: number };
    assert.equal(size, entries);
  });
});
