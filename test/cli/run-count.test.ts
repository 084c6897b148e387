/** What is told of the calls of a run, from the entries that a run leaves. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { countRun } from '../../src/cli/commands/run/count.ts';
import { createContext } from '../../src/cli/context.ts';
import { makeHome } from '../support/home.ts';
import { type Draft, START_MS, writeLogFiles } from '../support/logfiles.ts';

const RUN = 'run_01ARZ3NDEKTSV4RRFFQ69G5FAV';

const call = (host: string, outcome: Record<string, unknown>): Draft =>
  ({
    type: 'http.call',
    phase: 'point',
    run_id: RUN,
    action: { name: 'http.call', target: { scheme: 'https', host, port: 443, method: 'GET', path: '/' } },
    outcome: { status: 'error', ...outcome },
  }) as unknown as Draft;

test('a failure is told by its code, and one of a certificate by the words that say what mends it', async (t) => {
  const home = await makeHome();
  const before = { ...process.env };
  t.after(async () => {
    process.env = before;
    await home.remove();
  });
  Object.assign(process.env, home.env);
  const error = 'upstream own.test could not prove who it is (CODE); name its file: ca: FILE.pem';
  await writeLogFiles(join(home.paths.logs, 'local'), [
    call('own.test', { error_kind: 'tls_failed', error, status_code: 502 }),
    call('own.test', { error_kind: 'tls_failed', error, status_code: 502 }),
    call('gone.test', { error_kind: 'dns_failed', error: 'upstream gone.test has no address' }),
    call('busy.test', { status: 'ok', status_code: 503 }),
  ]);
  const context = await createContext(['run'], '0');
  const { calls, failed, failures } = await countRun(context, RUN, new Date(START_MS).toISOString());
  assert.deepEqual([calls, failed], [4, 4]);
  assert.deepEqual(
    new Map(failures.map(({ name, count }) => [name, count])),
    new Map([
      ['busy.test 503', 1],
      ['gone.test dns_failed', 1],
      [error, 2],
    ]),
  );
});
