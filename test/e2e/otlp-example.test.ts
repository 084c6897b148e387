/** The example agent, which knows OpenTelemetry only, and what then stands in the log. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { play, QUESTION } from '../../examples/otlp/run.ts';
import { createOtlpReceiver } from '../../src/capture/otlp/receive.ts';
import type { Entry } from '../../src/core/entry.ts';
import { openSession } from '../../src/open.ts';
import { serveHttp } from '../../src/server/http.ts';
import { otlpResource } from '../../src/server/otlp/resource.ts';
import { entriesIn } from '../fault/check.ts';
import { type Home, makeHome } from '../support/home.ts';

describe('the example agent with OpenTelemetry', () => {
  const secret = `shop-${randomBytes(12).toString('base64url')}`;
  let home: Home;
  let entries: readonly Entry[] = [];
  before(async () => {
    home = await makeHome();
    const session = await openSession({
      paths: home.paths,
      client: { surface: 'cli' },
      onWarning: () => undefined,
      require: 'writer',
    });
    const { recorder } = session;
    assert.ok(recorder);
    session.vault.set('SHOP_KEY', Buffer.from(secret));
    const faults: unknown[] = [];
    const onError = (error: unknown): void => void faults.push(error);
    const server = await serveHttp({
      port: 0,
      mayRead: async () => true,
      onError,
      resources: (hosts) => [
        otlpResource({ receive: createOtlpReceiver(recorder, () => true).receive, self: {} }, hosts, onError),
      ],
    });
    assert.equal(await play(server.origin, secret), 'I refunded 140.');
    await server.close();
    await session.close('the end');
    assert.deepEqual(faults, []);
    entries = (entriesIn(home.paths.state) as unknown as readonly Entry[]).filter(
      ({ source }) => source.surface === 'otlp',
    );
  });
  after(() => home.remove());

  it('leaves a run with its model, its tools and how each ended', async () => {
    const spans = entries.filter(({ type }) => type !== 'user.message');
    const lines = spans
      .filter(({ phase }) => phase !== 'post_exec')
      .map(({ id, type, action, actor, outcome }) => {
        const end = spans.find(({ parent_id, phase }) => parent_id === id && phase === 'post_exec')?.outcome;
        const { status, error_kind } = end ?? outcome ?? {};
        const said = type.startsWith('model') ? undefined : status === undefined ? actor?.agent_id : status;
        return [type, action?.name, said, error_kind].filter((one) => one !== undefined).join(' ');
      });
    const readme = await readFile(new URL('../../examples/otlp/README.md', import.meta.url), 'utf8');
    const told = /```text\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    assert.deepEqual(
      lines,
      told
        .trim()
        .split('\n')
        .map((line) => line.trim().replaceAll(/ +/g, ' ')),
    );
    const [start] = spans;
    for (const entry of entries) {
      assert.equal(entry.run_id, start?.run_id);
      assert.equal(entry.source.assurance, 'self_reported');
    }
    assert.equal(entries.filter(({ type }) => type === 'user.message').length, 1);
  });

  it('has its planted secret, and what its customer said, in no byte of the home', async () => {
    const { state } = home.paths;
    const files = await readdir(state, { recursive: true, withFileTypes: true });
    const needles = [secret, Buffer.from(secret).toString('base64').replace(/=+$/, ''), '4111 1111', 'broke'];
    let looked = 0;
    for (const file of files) {
      if (!file.isFile()) continue;
      const text = await readFile(join(file.parentPath, file.name), 'latin1');
      looked += text.length;
      for (const needle of needles) assert.ok(!text.includes(needle), `${file.name} holds ${needle}`);
    }
    assert.ok(looked > 10_000);
  });

  it('shows redacted payloads to who may read them, and verifies', async () => {
    const message = entries.find(({ type }) => type === 'user.message');
    const { stdout } = await home.tally(['log', 'show', String(message?.index), '--payload']);
    assert.ok(stdout.includes(QUESTION.replace('4111 1111 1111 1111', '[REDACTED:card]')), stdout);
    const refund = entries.find(
      ({ type, outcome, action }) =>
        type === 'tool.result' && outcome?.status === 'ok' && action?.name === 'refund.create',
    );
    const result = await home.tally(['log', 'show', String(refund?.index), '--payload']);
    assert.match(result.stdout, /charged with \[REDACTED:SHOP_KEY\]/);
    const verified = await home.tally(['verify', '--completeness']);
    assert.equal(verified.code, 0, verified.stdout);
  });
});
