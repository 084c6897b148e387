/** Entries on their way to a collector: in their order, each at least once, whatever the collector or a restart does. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createOtlpReceiver } from '../../src/capture/otlp/receive.ts';
import { parseConfig } from '../../src/open/config.ts';
import { openSession, type Session } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';
import { type OtlpForward, OtlpForwardSchema } from '../../src/sink/otlp/setting.ts';
import { receiver } from './stage.ts';

interface Home {
  /** How far the collector is. */
  readonly position: string;
  open(forward: () => OtlpForward | undefined, segmentEntries?: number): Promise<Session>;
  readonly warnings: string[];
}

async function home(t: TestContext): Promise<Home> {
  const state = await mkdtemp(join(tmpdir(), 'tally-otlp-'));
  const open: Session[] = [];
  t.after(async () => {
    for (const session of open) await session.close('test').catch(() => undefined);
    await rm(state, { recursive: true, force: true });
  });
  const warnings: string[] = [];
  return {
    warnings,
    position: join(state, 'otlp', 'local', 'position.json'),
    async open(forward, segmentEntries) {
      const session = await openSession({
        paths: locate({
          env: { TALLY_HOME: state, XDG_RUNTIME_DIR: state },
          home: state,
          tmp: state,
          uid: 0,
        }),
        client: { surface: 'sdk' },
        onWarning: (line) => void warnings.push(line),
        require: 'writer',
        otlp: { forward },
        ...(segmentEntries === undefined ? {} : { segmentEntries }),
      });
      open.push(session);
      return session;
    },
  };
}

async function note(session: Session, n: number): Promise<string> {
  const { id } = await session.ask('record', {
    event: {
      type: 'step.note',
      phase: 'point',
      metadata: { n },
      payload: { media_type: 'text/plain', class: 'note', data: `content ${n}` },
    },
  });
  return id;
}

async function until(what: () => boolean, words: () => string): Promise<void> {
  const end = Date.now() + 20_000;
  while (!what()) {
    assert.ok(Date.now() < end, words());
    await sleep(20);
  }
}

interface Record {
  readonly body: { readonly stringValue: string };
  readonly eventName: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly intValue?: string } }[];
}

/** All records that came, as they came. */
function recordsOf(got: readonly { readonly body: string }[]): readonly Record[] {
  return got.flatMap(({ body }) => {
    const { resourceLogs } = JSON.parse(body) as {
      resourceLogs: readonly { readonly scopeLogs: readonly { readonly logRecords: readonly Record[] }[] }[];
    };
    return resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
  });
}

const indexesOf = (records: readonly Record[]): readonly number[] =>
  records.map(({ attributes }) =>
    Number(attributes.find(({ key }) => key === 'tallystick.index')?.value.intValue),
  );

const OK = (response: ServerResponse): void => void response.end('{}');
type Answer = (response: ServerResponse, n: number, request: IncomingMessage) => void;

describe('entries for a collector', () => {
  it('come in their order with the bytes that are in the log, and without payloads', async (t) => {
    const collector = await receiver(t, OK);
    const { open } = await home(t);
    const session = await open(() => ({ url: collector.url, from: 'beginning' }));
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await note(session, n));
    const size = session.recorder?.size() ?? 0;
    await until(
      () => indexesOf(recordsOf(collector.got)).includes(size - 1),
      () => `${indexesOf(recordsOf(collector.got))}`,
    );
    const records = recordsOf(collector.got);
    assert.deepEqual(
      indexesOf(records),
      Array.from({ length: size }, (_, index) => index),
    );
    const entries = records.map(({ body }) => JSON.parse(body.stringValue) as { id: string; prev: string });
    for (const id of ids) assert.ok(entries.some((entry) => entry.id === id));
    for (const [at, { body }] of records.slice(0, -1).entries()) {
      const leaf = createHash('sha256').update(Buffer.concat([Buffer.of(0), Buffer.from(body.stringValue)]));
      assert.equal(
        leaf.digest('base64'),
        entries[at + 1]?.prev,
        'the next entry names the leaf hash of its bytes',
      );
    }
    assert.ok(!collector.got.some(({ body }) => body.includes('content 3')), 'payloads are only cited');
    // Behind the answer its position is saved.
    let otlp = (await session.ask('status', {})).otlp;
    for (let tries = 0; tries < 100 && otlp?.behind !== 0; tries++) {
      await sleep(20);
      otlp = (await session.ask('status', {})).otlp;
    }
    assert.deepEqual([otlp?.behind, otlp?.index, otlp?.failing], [0, size, undefined]);
  });

  it('wait while it is away or refuses, and nothing is lost over a restart', async (t) => {
    let answer: Answer = (response) => void response.writeHead(503, { 'retry-after': '0' }).end();
    const collector = await receiver(t, (...args) => answer(...args));
    const { open, warnings } = await home(t);
    const setting = (): OtlpForward => ({ url: collector.url, from: 'beginning' });
    const first = await open(setting);
    await note(first, 1);
    await until(
      () => collector.got.length >= 2,
      () => `${collector.got.length}`,
    );
    const { otlp } = await first.ask('status', {});
    assert.ok((otlp?.behind ?? 0) > 0 && (otlp?.failing?.attempts ?? 0) >= 1, JSON.stringify(otlp));
    assert.ok(warnings.some((line) => line.includes('answered 503')));
    await first.close('the end');
    const tried = collector.got.length;
    // One that hangs up in the middle of an answer has perhaps taken it: it is sent again.
    answer = (response) => void response.destroy();
    const second = await open(setting);
    await until(
      () => collector.got.length > tried,
      () => 'nothing came after the restart',
    );
    answer = OK;
    await note(second, 2);
    const size = (): number => second.recorder?.size() ?? 0;
    await until(
      () => indexesOf(recordsOf(collector.got)).includes(size() - 1),
      () => `${indexesOf(recordsOf(collector.got))} of ${size()}`,
    );
    const came = new Set(indexesOf(recordsOf(collector.got)));
    for (let index = 0; index < size(); index++) assert.ok(came.has(index), `${index} came`);
    await second.close('the end');
    const before = collector.got.length;
    const third = await open(setting);
    await until(
      () => indexesOf(recordsOf(collector.got.slice(before))).length > 0,
      () => 'nothing came after the second restart',
    );
    const [again] = indexesOf(recordsOf(collector.got.slice(before)));
    assert.ok((again ?? 0) >= 4, `what was taken is not sent again: it goes on with ${again}`);
    await third.close('the end');
  });

  it('begin with what is recorded from then on, unless all are asked for', async (t) => {
    const collector = await receiver(t, OK);
    const { open } = await home(t);
    const before = await open(() => undefined);
    await note(before, 1);
    assert.equal((await before.ask('status', {})).otlp, undefined, 'they go nowhere');
    await before.close('the end');
    const session = await open(() => ({ url: collector.url }));
    const id = await note(session, 2);
    await until(
      () => recordsOf(collector.got).some(({ body }) => body.stringValue.includes(id)),
      () => `${collector.got.length}`,
    );
    assert.ok(!recordsOf(collector.got).some(({ body }) => body.stringValue.includes('"n":1')));
  });

  it('that came while the collector was away from the first moment on are not forgotten by a restart', async (t) => {
    let answer: Answer = (response) => void response.writeHead(503).end();
    const collector = await receiver(t, (...args) => answer(...args));
    const { open } = await home(t);
    const setting = (): OtlpForward => ({ url: collector.url });
    const first = await open(setting);
    const id = await note(first, 1);
    await until(
      () => collector.got.length > 0,
      () => 'it is tried',
    );
    await first.close('the end');
    answer = OK;
    const before = collector.got.length;
    const second = await open(setting);
    await until(
      () => recordsOf(collector.got.slice(before)).some(({ body }) => body.stringValue.includes(id)),
      () => `${collector.got.length}`,
    );
    await second.close('the end');
  });

  it('come from sealed segments as from the open one, each once, however many are recorded at once', async (t) => {
    let slow = 1;
    const collector = await receiver(t, (response) => {
      if (slow-- > 0) response.writeHead(429, { 'retry-after': '0' }).end();
      else OK(response);
    });
    const { open } = await home(t);
    const session = await open(() => ({ url: collector.url, from: 'beginning' }), 256);
    const event = { type: 'step.note', phase: 'point' } as const;
    await Promise.all(Array.from({ length: 1_200 }, () => session.ask('record', { event })));
    await session.recorder?.checkpoint();
    await session.recorder?.sealed();
    const size = session.recorder?.size() ?? 0;
    const taken = () => indexesOf(recordsOf(collector.got.slice(1)));
    await until(
      () => taken().includes(size - 1),
      () => `${taken().length} of ${size}`,
    );
    const all = taken();
    // The first requests were refused as a whole, and came again.
    const once = [...new Set(all)];
    assert.deepEqual(
      once,
      Array.from({ length: once.length }, (_, index) => index),
    );
    assert.ok(collector.got.length >= 4, 'at most so many entries a request');
  });

  it('are all sent again when nobody knows any more which were', async (t) => {
    const collector = await receiver(t, OK);
    const { open, position, warnings } = await home(t);
    const first = await open(() => ({ url: collector.url, from: 'beginning' }));
    await note(first, 1);
    await until(
      () => existsSync(position),
      () => 'it is kept',
    );
    await first.close('the end');
    await writeFile(position, '{"format":1,');
    const before = collector.got.length;
    const second = await open(() => ({ url: collector.url }));
    await until(
      () => indexesOf(recordsOf(collector.got.slice(before))).includes(0),
      () => `${collector.got.length}`,
    );
    assert.ok(warnings.some((line) => line.includes('sent again')));
    await second.close('the end');
  });

  it('carry the credential that the vault holds, which no error and no state quotes', async (t) => {
    const collector = await receiver(t, (response, n) => {
      if (n === 1) response.writeHead(401).end();
      else OK(response);
    });
    const { open, warnings } = await home(t);
    const secret = `Bearer ${createHash('sha256').update(String(Math.random())).digest('hex')}`;
    const session = await open(() => ({
      url: collector.url,
      headers: { 'x-team': 'ops' },
      secret_headers: { Authorization: 'OTLP_TOKEN' },
      from: 'beginning',
    }));
    await until(
      () => warnings.some((line) => line.includes('OTLP_TOKEN')),
      () => 'a credential that is not there is told',
    );
    assert.equal(collector.got.length, 0, 'nothing goes out without it');
    session.vault.set('OTLP_TOKEN', Buffer.from(secret));
    await note(session, 1);
    await until(
      () => collector.got.length > 1,
      () => warnings.join('\n'),
    );
    assert.equal(collector.got[1]?.headers.authorization, secret);
    assert.equal(collector.got[1]?.headers['x-team'], 'ops');
    const said = JSON.stringify([warnings, await session.ask('status', {}), recordsOf(collector.got)]);
    assert.ok(!said.includes(secret.slice('Bearer '.length)));
  });

  it('that it says it did not take are counted, told once, and not sent again', async (t) => {
    const partial = { partialSuccess: { rejectedLogRecords: '2', errorMessage: 'too old' } };
    const collector = await receiver(t, (response) => void response.end(JSON.stringify(partial)));
    const { open } = await home(t);
    const session = await open(() => ({ url: collector.url, from: 'beginning' }));
    await note(session, 1);
    await until(
      () => collector.got.length > 1,
      () => `${collector.got.length}`,
    );
    await until(
      () => recordsOf(collector.got).some(({ eventName }) => eventName === 'tallystick.sink.fail'),
      () => 'the log tells of it',
    );
    const { otlp } = await session.ask('status', {});
    assert.ok((otlp?.rejected ?? 0) >= 2, JSON.stringify(otlp));
    assert.equal(otlp?.rejection, 'too old');
    assert.equal(new Set(indexesOf(recordsOf(collector.got))).size, recordsOf(collector.got).length);
  });

  it('that come back to their own log are refused there, and do not go round', async (t) => {
    const { open } = await home(t);
    let into: ReturnType<typeof createOtlpReceiver> | undefined;
    const collector = await receiver(t, (response) => {
      const body = Buffer.from(collector.got.at(-1)?.body ?? '');
      void into?.receive('logs', 'json', body, { client: { surface: 'http' }, claims: {} }).then(
        ({ rejected, message }) =>
          response.end(
            JSON.stringify({
              partialSuccess: { rejectedLogRecords: String(rejected), errorMessage: message },
            }),
          ),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    const session = await open(() => ({ url: collector.url, from: 'beginning' }));
    assert.ok(session.recorder);
    into = createOtlpReceiver(session.recorder, () => true);
    await note(session, 1);
    await until(
      () => recordsOf(collector.got).some(({ eventName }) => eventName === 'tallystick.sink.fail'),
      () => `${collector.got.length}`,
    );
    const size = session.recorder.size();
    await sleep(1_200);
    assert.equal(session.recorder.size(), size, 'nothing more comes of it');
    const { otlp } = await session.ask('status', {});
    assert.match(otlp?.rejection ?? '', /this very log/);
  });

  it('arrive at another recorder as its own, with their bytes, and are not sent on from there', async (t) => {
    const third = await receiver(t, OK);
    const other = await home(t);
    const second = await other.open(() => ({ url: third.url, from: 'beginning' }));
    const into = second.recorder;
    assert.ok(into);
    const taker = createOtlpReceiver(into, () => true);
    const answers: number[] = [];
    const between = await receiver(t, (response) => {
      const body = Buffer.from(between.got.at(-1)?.body ?? '');
      void taker
        .receive('logs', 'json', body, { client: { surface: 'http' }, claims: {} })
        .then(({ rejected }) => {
          answers.push(rejected);
          response.end('{}');
        });
    });
    const { open } = await home(t);
    const before = into.size();
    const session = await open(() => ({ url: between.url, from: 'beginning' }));
    const id = await note(session, 7);
    await until(
      () =>
        recordsOf(between.got).some(({ body }) => body.stringValue.includes(id)) && into.size() > before + 1,
      () => `${between.got.length}`,
    );
    const last = await second.ask('record', { event: { type: 'step.note', phase: 'point' } });
    await until(
      () => recordsOf(third.got).some(({ body }) => body.stringValue.includes(last.id)),
      () => `${third.got.length}`,
    );
    assert.ok(answers.every((rejected) => rejected === 0));
    assert.ok(into.size() >= before + recordsOf(between.got).length + 1);
    assert.ok(!third.got.some(({ body }) => body.includes(id)), 'the one that has them sends them');
    assert.deepEqual(
      indexesOf(recordsOf(third.got)).filter((index) => index < before).length,
      before,
      'its own entries go on',
    );
  });
});

describe('where they go', () => {
  it('is a URL and headers, and no credential stands in the file', () => {
    const ok = (value: unknown): boolean => OtlpForwardSchema.safeParse(value).success;
    assert.ok(ok({ url: 'https://collector.example/v1/logs', headers: { 'x-scope-orgid': 'a' } }));
    assert.ok(ok({ url: 'http://127.0.0.1:4318', secret_headers: { Authorization: 'TOKEN' } }));
    assert.ok(!ok({ url: 'https://me:secret@collector.example/' }));
    assert.ok(!ok({ url: 'http://collector.example', secret_headers: { Authorization: 'TOKEN' } }));
    assert.ok(ok({ url: 'http://collector.example' }));
    assert.ok(!ok({ url: 'https://c.example', headers: { Authorization: 'Bearer x' } }));
    assert.ok(!ok({ url: 'https://c.example', headers: { 'x-api-key': 'x' } }));
    assert.ok(!ok({ url: 'https://c.example', headers: { 'Content-Type': 'x' } }));
    assert.ok(!ok({ url: 'https://c.example', headers: { x: 'a\r\nb: c' } }));
    const file = 'otlp:\n  forward:\n    url: https://c.example\n    headers: { Authorization: Bearer x }\n';
    assert.throws(() => parseConfig(file, 'config.yaml'), {
      code: 'BAD_CONFIG',
      message: /config\.yaml:4:\d+: .*Authorization: a credential: store it with `tally secrets set`/,
    });
    const whole = parseConfig('otlp: { receive: { other: ignore, port: 4318 } }\n', 'config.yaml');
    assert.deepEqual(whole.otlpReceive, { other: 'ignore', port: 4318 });
    assert.throws(() => parseConfig('otlp: { forwards: {} }\n', 'config.yaml'), {
      message: /unknown key "forwards"/,
    });
  });
});
