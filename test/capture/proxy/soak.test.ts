/** A few hundred calls of the soak (scripts/soak.ts): the script, its counting and the broker agree. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { growthOf } from '../../../scripts/soak/flat.ts';

test('callers, upstream and log agree on what was called, and the log verifies', async () => {
  const script = fileURLToPath(new URL('../../../scripts/soak.ts', import.meta.url));
  const child = spawn(process.execPath, [script, '--calls', '500', '--connections', '16', '--seed', '7'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, out);
  assert.match(out, /everything agrees/);
});

test('memory that comes and goes is flat, and memory that only grows is not', () => {
  const waves = Array.from({ length: 40 }, (_, i) => 100 + (i % 4) * 30);
  assert.ok(growthOf(waves, 0.05, 0).flat);
  const leak = waves.map((value, i) => value + i);
  assert.ok(!growthOf(leak, 0.05, 0).flat);
  const warm = Array.from({ length: 40 }, (_, i) => Math.min(100 + i * 20, 250));
  assert.ok(growthOf(warm, 0.05, 0).flat, 'what fills up at the start is no leak');
});
