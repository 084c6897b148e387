/** A log that the recorder wrote, of more than one segment, published by the command and verified by a Go program. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSession } from '../../src/open.ts';
import { withGoProgram } from '../go/go.ts';
import { makeHome } from '../support/home.ts';

const ENTRIES = 70_000;
const AT_ONCE = 5_000;

test('a published log of 70,000 entries verifies with golang.org/x/mod', { timeout: 240_000 }, async () => {
  const home = await makeHome();
  try {
    const session = await openSession({
      paths: home.paths,
      client: { surface: 'sdk' },
      onWarning: () => undefined,
      require: 'writer',
    });
    const recorder = session.recorder;
    assert.ok(recorder);
    while (recorder.size() < ENTRIES) {
      await Promise.all(
        Array.from({ length: Math.min(AT_ONCE, ENTRIES - recorder.size()) }, (_, i) =>
          recorder.record(
            { type: 'step.note', phase: 'point', metadata: { i } },
            { surface: 'sdk', assurance: 'observed' },
          ),
        ),
      );
    }
    await recorder.checkpoint();
    const { vkey } = await session.ask('status', {});
    const folder = join(home.directory, 'published');
    const published = await home.tally(['log', 'publish', folder]);
    assert.equal(published.code, 0, published.stderr);
    await session.close();

    const listed = await home.tally(['key', 'list', '--json']);
    assert.ok(listed.stdout.includes(JSON.stringify(vkey)), listed.stdout);
    assert.match(await readFile(join(folder, 'checkpoint'), 'utf8'), new RegExp(`\\n${ENTRIES}\\n`));
    await withGoProgram('published', async (go) => {
      assert.match(await go.run(folder, vkey), new RegExp(`^ok: ${ENTRIES} entries,`));
    });
    const verified = await home.tally(['verify']);
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  } finally {
    await home.remove();
  }
});
