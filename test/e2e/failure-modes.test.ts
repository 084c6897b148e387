/** The recorder stopped and started, closed and open: what was done, what was recorded, and nothing silent. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Home, makeHome } from '../cli/home.ts';
import { until } from '../support/home.ts';

interface World {
  readonly home: Home;
  /** Where calls go, and how many arrived there. */
  readonly url: string;
  readonly arrived: () => number;
  configure(text: string): void;
  notes(): readonly string[];
}

async function world(t: TestContext): Promise<World> {
  const home = makeHome(t);
  let arrived = 0;
  const upstream = createServer((_request, response) => {
    arrived++;
    response.end('ok');
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  t.after(() => upstream.close());
  const host = `127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  assert.equal((await home.tally(['init', '--json'])).code, 0);
  assert.equal((await home.tally(['policy', 'allow', host, '--http', '--internal'])).code, 0);
  assert.equal((await home.tally(['secrets', 'set', 'KEY'], { stdin: 'value-of-the-key-1' })).code, 0);
  return {
    home,
    url: `http://${host}/x`,
    arrived: () => arrived,
    configure(text) {
      writeFileSync(join(home.directory, 'config.yaml'), text, { mode: 0o600 });
    },
    notes: () =>
      [home.directory, join(home.directory, 'r')].flatMap((directory) =>
        existsSync(directory)
          ? readdirSync(directory, { recursive: true })
              .map(String)
              .filter((name) => /ungoverned\..*jsonl$/.test(name))
              .map((name) => join(directory, name))
          : [],
      ),
  };
}

const CALL = (url: string): readonly string[] => ['call', '--url', url, '--bearer', 'KEY'];

// Each waits for a recorder that does not answer: at once, they wait together.
describe('failure modes', { concurrency: true }, () => {
  it('with the recorder stopped, closed stops every call and run with audit_unavailable, and nothing is sent', async (t) => {
    const { home, url, arrived, notes } = await world(t);
    const { started } = await home.up();
    started.process.kill('SIGSTOP');
    // At once: each waits some seconds for an answer.
    const [call, run] = await Promise.all([
      home.tally(CALL(url)),
      home.tally(['run', '--', process.execPath, '-e', 'process.stdout.write("ran")']),
    ]);
    assert.equal(call.code, 8, call.stderr);
    assert.match(call.stderr, /audit_unavailable/);
    assert.equal(run.code, 125);
    assert.match(run.stderr, /audit_unavailable/);
    assert.equal(run.stdout, '');
    assert.equal(arrived(), 0);
    assert.deepEqual(notes(), []);
    started.process.kill('SIGCONT');
    assert.equal((await home.tally(CALL(url))).code, 0);
    assert.equal(arrived(), 1);
    assert.equal(home.entries('log.gap').length, 0);
  });

  it('open goes on with a warning and by the policy, and the log tells of it as soon as it can be written', async (t) => {
    const { home, url, arrived, configure, notes } = await world(t);
    configure('failure_modes: { proxy: open, run: open }\n');
    const { started } = await home.up();
    assert.equal((await home.tally(CALL(url))).code, 0);
    const before = home.entries().length;
    started.process.kill('SIGSTOP');

    const [call, stopped, run, closed] = await Promise.all([
      home.tally(CALL(url)),
      home.tally(CALL('http://127.0.0.1:9/elsewhere')),
      home.tally(['run', '--', process.execPath, '-e', 'process.exit(3)']),
      home.tally(['run', '--closed', '--', process.execPath, '-e', 'process.stdout.write("ran")']),
    ]);
    assert.deepEqual([closed.code, closed.stdout], [125, '']);
    assert.match(closed.stderr, /audit_unavailable/);
    assert.equal(call.code, 0, call.stderr);
    assert.equal(call.stderr.match(/NOT RECORDED/g)?.length, 1);
    assert.equal(arrived(), 2);
    assert.equal(stopped.code, 4, 'what the policy stops is stopped');
    assert.equal(run.code, 3);
    assert.match(run.stderr, /NOT RECORDED/);
    const [note, ...more] = notes();
    assert.ok(note !== undefined && more.length === 0);
    assert.equal(statSync(note).mode & 0o777, 0o600);
    assert.doesNotMatch(readFileSync(note, 'utf8'), /value-of-the-key/);

    started.process.kill('SIGCONT');
    const gaps = await until(async () => {
      const found = home.entries('log.gap');
      return found.length === 2 ? found : undefined;
    }, 'the gaps in the log');
    const told = gaps.map(({ metadata }) => metadata as Record<string, unknown>);
    assert.deepEqual(
      told.map(({ surface, count, ungoverned }) => [surface, count, ungoverned]),
      [
        ['proxy', 1, true],
        ['run', 1, true],
      ],
    );
    assert.deepEqual(
      told.map(({ what }) => what),
      [[`http.call GET 127.0.0.1`], ['run node']],
    );
    assert.ok(told.every(({ from, to }) => String(from) <= String(to)));
    await until(async () => (notes().length === 0 ? true : undefined), 'the notes to be forgotten');
    assert.ok(home.entries().length > before);
    started.process.kill('SIGTERM');
    assert.equal((await started.ended).code, 0);
    const verified = await home.tally(['verify', '--completeness', '--json']);
    assert.equal(verified.code, 7, 'a log with a gap is not complete, and whole');
    const { completeness } = verified.json() as { completeness: { findings: { gap_count: number } } };
    assert.equal(completeness.findings.gap_count, 2);
  });

  it('a project cannot open anything, and a kill switch holds for calls that nobody records', async (t) => {
    const { home, url, arrived, configure } = await world(t);
    const { started } = await home.up();
    assert.equal((await home.tally(['kill', 'on', '--scope', 'global', '--reason', 'stop all'])).code, 0);
    configure('failure_modes: { proxy: open }\n');
    started.process.kill('SIGSTOP');
    const call = await home.tally(CALL(url));
    assert.equal(call.code, 4, call.stderr);
    assert.match(call.stderr + call.stdout, /killed_global|switched off/);
    assert.equal(arrived(), 0);
    started.process.kill('SIGKILL');
  });
});
