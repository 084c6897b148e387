/** A program that shares no code with this project verifies what the real command exports. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeHome } from '../support/home.ts';
import { sampleDrafts, writeLogFiles } from '../support/logfiles.ts';
import { withGoProgram } from './go.ts';

test('golang.org/x/mod proves every entry of a bundle, and names one that was altered', {
  timeout: 120_000,
}, async () => {
  const home = await makeHome();
  try {
    const log = await writeLogFiles(join(home.directory, 'log'), sampleDrafts(400));
    const bundle = join(home.directory, 'bundle');
    const done = await home.tally([
      'log',
      'export',
      '--dir',
      log.directory,
      '--agent',
      'builder',
      '--bundle',
      bundle,
    ]);
    assert.equal(done.code, 0, done.stderr);
    await withGoProgram('bundle', async (go) => {
      assert.match(await go.run(bundle, log.vkey), /^ok: \d{3} entries under a checkpoint of 800/);
      const path = join(bundle, 'entries.jsonl');
      const lines = (await readFile(path, 'utf8')).split('\n');
      const altered = lines.map((line, i) => (i === 20 ? line.replace('builder', 'Builder') : line));
      await writeFile(path, altered.join('\n'));
      const { index } = JSON.parse(lines[20] ?? '') as { index: number };
      await assert.rejects(go.run(bundle, log.vkey), new RegExp(`index ${index}: it is not the entry`));
    });
  } finally {
    await home.remove();
  }
});
