/** Who may have the entries, what a collector says of them, and what is told of that. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createOtlpReceiver } from '../../src/capture/otlp/receive.ts';
import { TallyError } from '../../src/core/error.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { parseConfig } from '../../src/open/config.ts';
import { createForwarder } from '../../src/sink/otlp/forward.ts';
import { OtlpForwardSchema } from '../../src/sink/otlp/setting.ts';
import { home, indexesOf, note, recordsOf, until } from './otlp-stage.ts';
import { receiver } from './stage.ts';

const OK = (response: ServerResponse): void => void response.end('{}');

describe('entries that are sent', () => {
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

describe('a collector that fails for long', () => {
  it('is told of by one entry, and by another one when it works again', async () => {
    let now = 0;
    let ends = 1;
    let works = false;
    const told: string[] = [];
    const saved: number[] = [];
    let tries = 0;
    const forwarder = createForwarder(
      {
        setting: () => ({ url: 'http://127.0.0.1:1' }),
        durable: () => ends,
        begin: async () => ({ first: 0, offset: 0, index: 0 }),
        next: async (place, upTo) => ({
          body: new Uint8Array(1),
          count: upTo - place.index,
          after: { ...place, index: upTo },
        }),
        async send() {
          tries++;
          if (works) return { rejected: 0, why: '' };
          throw new TallyError('DELIVERY_FAILED', 'the collector answered 500', { hint: 'wait' });
        },
        save: async ({ place }) => void saved.push(place.index),
        tell: async (type, { sink, reason }) =>
          void told.push(`${type} ${String(sink)} ${String(reason ?? '')}`),
        now: () => now,
        random: () => 0,
        onWarning: () => undefined,
      },
      undefined,
    );
    forwarder.start();
    await until(
      () => tries === 1,
      () => 'it is tried',
    );
    assert.deepEqual(told, [], 'a failure of a moment is none');
    now += LIMITS.otlpFailingMs;
    await until(
      () => told.length === 1,
      () => `${tries}`,
    );
    works = true;
    await until(
      () => forwarder.state()?.behind === 0,
      () => `${tries}`,
    );
    assert.deepEqual(told, ['sink.fail otlp the collector answered 500'], 'it has to work for a while');
    now += LIMITS.otlpFailingMs;
    ends = 2;
    await until(
      () => told.length === 2,
      () => `${tries}`,
    );
    assert.equal(told[1], 'sink.ok otlp ');
    assert.deepEqual(saved, [0, 1, 2]);
    await forwarder.close();
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
