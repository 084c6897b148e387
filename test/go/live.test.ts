/** A Go program follows the log over HTTP while the recorder writes it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSession } from '../../src/open.ts';
import { makeHome, until } from '../support/home.ts';
import { withGoProgram } from './go.ts';

const AT_ONCE = 50;
const ROUNDS = 40;

test('golang.org/x/mod follows a log over HTTP while it grows', { timeout: 120_000 }, async () => {
  const home = await makeHome();
  try {
    const recorder = home.start(['up', '--port', '0', '--json']);
    let said = '';
    recorder.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const ready = await until(() => (said.includes('\n') ? said : undefined), 'the recorder');
    const { tiles_url, vkey } = JSON.parse(ready) as { tiles_url: string; vkey: string };
    const session = await openSession({
      paths: home.paths,
      client: { surface: 'sdk' },
      onWarning: (line) => assert.fail(line),
    });
    assert.equal(session.role, 'client');
    let over = false;
    async function load(): Promise<void> {
      while (!over) {
        await Promise.all(
          Array.from({ length: AT_ONCE }, (_, i) =>
            session.ask('record', { event: { type: 'step.note', phase: 'point', metadata: { i } } }),
          ),
        );
      }
    }
    await withGoProgram('live', async (go) => {
      const loading = load();
      const summary = await go.run(tiles_url, vkey, String(ROUNDS)).finally(() => {
        over = true;
      });
      await loading;
      const [, sizes, size] = /^ok: 40 checkpoints of (\d+) sizes, .* size (\d+)$/m.exec(summary) ?? [];
      assert.ok(Number(sizes) > 5 && Number(size) > 256, summary);
    });
    await session.close();
  } finally {
    await home.remove();
  }
});
