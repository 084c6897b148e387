/** What `tally up` finds out about what agents do now: from the log through a program of its own to an alert. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { alertsOf } from '../../src/cli/commands/up/alerts.ts';
import { createContext } from '../../src/cli/context.ts';
import { createAlertEngine } from '../../src/core/alert/engine.ts';
import { startProbes } from '../../src/open/alerts/probes.ts';
import { ruleOf } from '../core/alert/story.ts';
import { CLI, makeHome } from '../support/home.ts';
import { type Draft, writeLogFiles } from '../support/logfiles.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test('an agent that does what it never did becomes an alert of the rule, with its words and its evidence', async (t) => {
  const home = await makeHome();
  t.after(() => home.remove());
  const now = Date.now();
  const call = (run: string, ms: number, host: string, ref: string): Draft =>
    ({
      type: 'http.call',
      phase: 'point',
      ts: new Date(ms).toISOString(),
      run_id: run,
      actor: { agent_id: 'builder', identity_level: 'issued' },
      action: { name: 'http.call', target: { scheme: 'https', host, port: 443, method: 'GET', path: '/' } },
      credentials: [{ ref, injection_style: 'bearer' }],
      outcome: { status: 'ok', status_code: 200, duration_ms: 20 },
    }) as unknown as Draft;
  const usual = Array.from({ length: 600 }, (_, n) =>
    call(
      `run_${Math.floor(n / 3)}`,
      now - 21 * DAY + Math.floor(n / 30) * DAY + (n % 30) * 20_000,
      'api.example.com',
      'KEY',
    ),
  );
  const odd = Array.from({ length: 60 }, (_, n) =>
    call('run_odd', now - HOUR / 2 + n * 500, 'payload.example', 'STRIPE_KEY'),
  );
  await writeLogFiles(join(home.paths.logs, 'local'), [...usual, ...odd]);

  const before = { argv: process.argv[1] ?? '', env: { ...process.env } };
  t.after(() => {
    process.argv[1] = before.argv;
    process.env = before.env;
  });
  Object.assign(process.env, home.env);
  process.argv[1] = CLI;
  const { drift } = alertsOf(await createContext(['up'], '0'));
  const rule = ruleOf('{ name: odd, kind: baseline_drift, score: 0.8 }');
  const engine = createAlertEngine([rule]);
  const warnings: string[] = [];
  const probes = startProbes({
    rules: () => [rule],
    signal: engine.signal,
    freeBytes: async () => 0,
    verify: undefined,
    drift,
    driftMs: 0,
    verified: () => Date.now(),
    now: Date.now,
    onWarning: (line) => warnings.push(line),
  });
  t.after(() => probes.close());
  const deadline = performance.now() + 30_000;
  let [raised] = engine.take();
  while (raised === undefined && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    [raised] = engine.take();
  }
  assert.ok(raised?.do === 'raise', warnings.join('; '));
  assert.deepEqual([raised.rule, raised.subject], ['odd', 'builder']);
  assert.match(raised.message, /payload\.example|STRIPE_KEY|calls/);
  assert.ok(
    raised.evidence.length > 0 && raised.evidence.every((index) => index >= 600),
    String(raised.evidence),
  );
  assert.ok((raised.score ?? 0) >= 0.8);
});
