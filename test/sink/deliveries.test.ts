import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { LIMITS } from '../../src/core/limits.ts';
import { backoffMs, loadOutbox, type OutboxState } from '../../src/sink/outbox.ts';
import { DestinationSettingSchema, goesTo, placeOf } from '../../src/sink/setting.ts';
import { slackBody } from '../../src/sink/slack.ts';
import { closing, message, OK, receiver, stage } from './stage.ts';

const YEAR = 365 * 24 * 60 * 60 * 1000;

const webhook = (url: string, name = 'ops', more = {}) => ({ name, type: 'webhook', url, ...more }) as const;

test('a message is delivered once, and forgotten when it was taken', async (t) => {
  const ops = await receiver(t, OK);
  const one = message(4);
  const s = stage(t, [webhook(ops.url)], { messages: [one] });
  await s.deliveries.take([one], 5);
  assert.deepEqual([s.saved[0]?.reached, s.saved[0]?.waiting.length], [5, 1], 'on disk before it is sent');
  await s.until(() => s.deliveries.state().waiting.length === 0);
  await s.deliveries.take([one], 5);
  assert.equal(ops.got.length, 1);
  assert.deepEqual(JSON.parse(ops.got[0]?.body ?? ''), {
    type: 'alert.raise',
    timestamp: '2026-01-01T00:00:00.000Z',
    data: {
      log: 'host/local',
      id: one.id,
      index: 4,
      rule: 'fast',
      kind: 'rate',
      severity: 'warning',
      subject: 'bot',
      message: '5 calls by agent bot',
      key: '["bot"]',
      at: '2026-01-01T00:00:00.000Z',
      evidence: [1, 2],
      test: false,
    },
  });
});

test('it is signed so that an independent computation agrees, by every secret while one is replaced', async (t) => {
  const ops = await receiver(t, OK);
  const raw = [randomBytes(24), randomBytes(32)] as const;
  const secrets = new Map([
    ['NEW', `whsec_${raw[0].toString('base64')}`],
    ['OLD', `whsec_${raw[1].toString('base64')}\n`],
  ]);
  const one = message(4, { message: 'Grüße, 世界 "quoted"' });
  const s = stage(t, [webhook(ops.url, 'ops', { secret: ['NEW', 'OLD'] })], { messages: [one], secrets });
  await s.deliveries.take([one], 5);
  await s.until(() => ops.got.length === 1);
  const { headers, body } = ops.got[0] ?? { headers: {}, body: '' };
  assert.equal(headers['webhook-id'], one.id);
  assert.equal(headers['webhook-timestamp'], String(Date.UTC(2026, 0, 1) / 1000));
  const expected = raw.map((key) => {
    const mac = createHmac('sha256', key);
    mac.update(
      Buffer.concat([Buffer.from(`${one.id}.${headers['webhook-timestamp']}.`), Buffer.from(body, 'utf8')]),
    );
    return `v1,${mac.digest('base64')}`;
  });
  assert.equal(headers['webhook-signature'], expected.join(' '));
});

test('a failure is tried again, ever later, under the same id', async (t) => {
  const ops = await receiver(t, (response, n) => void response.writeHead(n < 4 ? 503 : 200).end());
  const one = message(4);
  const s = stage(t, [webhook(ops.url)], { messages: [one] });
  await s.deliveries.take([one], 5);
  const waits: number[] = [];
  for (let tries = 1; tries < 4; tries++) {
    await s.until(() => s.deliveries.state().waiting[0]?.attempts === tries);
    const wait = (s.deliveries.state().waiting[0]?.next ?? 0) - s.clock.ms;
    waits.push(wait);
    s.clock.ms += wait - 1;
    s.deliveries.turn();
    assert.equal(ops.got.length, tries, 'not before its time');
    s.clock.ms += 1;
  }
  await s.until(() => s.deliveries.state().waiting.length === 0);
  assert.deepEqual(waits, [3_750, 7_500, 15_000]);
  assert.deepEqual([...new Set(ops.got.map(({ headers }) => headers['webhook-id']))], [one.id]);
  assert.deepEqual(s.warnings, [
    'an alert could not be delivered: the webhook ops answered 503; it is tried again',
    'ops takes alerts again',
  ]);
});

test('429 is asked again when it says, in seconds or by a date, within what we would wait ourselves', async (t) => {
  const date = new Date(Date.UTC(2026, 0, 1, 0, 2)).toUTCString();
  const after = ['90', date, '99999999'];
  const ops = await receiver(
    t,
    (response, n) => void response.writeHead(429, { 'retry-after': after[n - 1] ?? '0' }).end(),
  );
  const all = after.map((_, i) => message(i + 1));
  const s = stage(t, [webhook(ops.url)], { messages: all });
  await s.deliveries.take(all, 9);
  await s.until(() => s.deliveries.state().waiting.every(({ attempts }) => attempts === 1));
  const waits = s.deliveries.state().waiting.map(({ next }) => next - s.clock.ms);
  assert.deepEqual(waits, [90_000, 120_000, LIMITS.deliveryRetryMostMs]);
});

test('redirects are not followed, and early ends, endless answers and silence are failures', async (t) => {
  const elsewhere = await receiver(t, OK);
  const receivers = {
    redirect: await receiver(
      t,
      (response) => void response.writeHead(302, { location: elsewhere.url }).end(),
    ),
    early: await receiver(t, (response) => response.destroy()),
    endless: await receiver(t, (response) => {
      response.writeHead(200);
      const more = setInterval(() => response.write('x'.repeat(65_536)), 5);
      response.on('close', () => clearInterval(more));
    }),
    drip: await receiver(t, (response) => {
      response.writeHead(200);
      const more = setInterval(() => response.write('.'), 100);
      response.on('close', () => clearInterval(more));
    }),
    silence: await receiver(t, () => undefined),
  };
  const one = message(4);
  const settings = Object.entries(receivers).map(([name, { url }]) => webhook(url, name));
  const s = stage(t, [...settings, webhook('http://127.0.0.1:1/', 'nobody')], {
    messages: [one],
    timeoutMs: 500,
  });
  await s.deliveries.take([one], 5);
  await s.until(() => s.deliveries.state().waiting.every(({ attempts }) => attempts === 1));
  const words = new Map(
    s.deliveries.state().waiting.map(({ destination, error }) => [destination, error ?? '']),
  );
  assert.equal(words.size, 6);
  assert.match(words.get('redirect') ?? '', /answered 302; redirects are not followed/);
  assert.match(words.get('early') ?? '', /cannot be asked/);
  assert.match(words.get('endless') ?? '', /with more than 65536 bytes/);
  assert.match(words.get('drip') ?? '', /did not answer within 0.5 s/);
  assert.match(words.get('silence') ?? '', /did not answer within 0.5 s/);
  assert.match(words.get('nobody') ?? '', /cannot be asked/);
  assert.equal(elsewhere.got.length, 0);
});

test('one that hangs holds up nobody else', async (t) => {
  const hangs = await receiver(t, () => undefined);
  const ops = await receiver(t, OK);
  const all = Array.from({ length: 20 }, (_, i) => message(i));
  const s = stage(t, [webhook(hangs.url, 'hangs'), webhook(ops.url)], { messages: all, timeoutMs: 30_000 });
  const started = performance.now();
  await s.deliveries.take(all, 20);
  await s.until(() => ops.got.length === 20);
  assert.ok(performance.now() - started < 5_000);
  assert.equal(hangs.got.length <= 1, true, 'one at a time');
  const closing = performance.now();
  await s.deliveries.close();
  assert.ok(performance.now() - closing < 2_000, 'and not the end either');
});

test('after the last try it is given up, on record, kept, and delivered when a person asks', async (t) => {
  let works = false;
  const ops = await receiver(t, (response) => void response.writeHead(works ? 200 : 500).end());
  const one = message(4);
  const s = stage(t, [webhook(ops.url)], { messages: [one] });
  await s.deliveries.take([one], 5);
  await s.until(() => {
    s.clock.ms += LIMITS.deliveryRetryMostMs;
    return s.deliveries.state().dead.length === 1;
  });
  assert.equal(ops.got.length, LIMITS.deliveryTries);
  assert.deepEqual([s.gaveUp.length, s.gaveUp[0]?.error], [1, 'the webhook ops answered 500']);
  assert.equal(s.deliveries.states()[0]?.undelivered, 1);
  works = true;
  const tried = await s.deliveries.retry('ops');
  await s.deliveries.settled(new Set(tried.map(({ id }) => id)), 5_000);
  assert.deepEqual([s.deliveries.state().dead, s.deliveries.state().waiting], [[], []]);
});

test('of more than can wait the oldest are given up, and nothing leaves without a word', async (t) => {
  const hangs = await receiver(t, () => undefined);
  const all = Array.from({ length: LIMITS.waitingDeliveries + 5 }, (_, i) => message(i));
  const s = stage(t, [webhook(hangs.url)], { messages: all });
  await s.deliveries.take(all, all.length);
  assert.equal(s.deliveries.state().waiting.length, LIMITS.waitingDeliveries);
  assert.deepEqual(
    s.gaveUp.map(({ index }) => index),
    [0, 1, 2, 3, 4],
  );
});

test('what was kept when the process was killed is delivered by the next one', async (t) => {
  const hangs = await receiver(t, () => undefined);
  const one = message(4);
  const before = stage(t, [webhook(hangs.url)], { messages: [one] });
  await before.deliveries.take([one], 5);
  await before.until(() => hangs.got.length === 1);
  const loaded = before.saved.at(-1);
  assert.ok(loaded);
  const ops = await receiver(t, OK);
  const after = stage(t, [webhook(ops.url)], { messages: [one], loaded });
  // The log is read again from a little before; what was reached is known.
  await after.deliveries.take([one], 5);
  await after.until(() => after.deliveries.state().waiting.length === 0);
  assert.deepEqual(
    ops.got.map(({ headers }) => headers['webhook-id']),
    [one.id],
  );
});

test('a Slack-compatible one gets text and blocks in which nothing of the log means anything', async (t) => {
  const team = await receiver(t, OK);
  const secrets = new Map([['SLACK_URL', `${team.url}/T00/B00/${randomBytes(12).toString('hex')}`]]);
  const one = message(4, {
    message: '<!channel> & <https://evil.example|click> *bold*',
    severity: 'critical',
  });
  const s = stage(t, [{ name: 'team', type: 'slack', url_secret: 'SLACK_URL' }], {
    messages: [one, closing(5)],
    secrets,
  });
  await s.deliveries.take([one, closing(5)], 6);
  await s.until(() => team.got.length === 2);
  const [raised, closed] = team.got.map(
    ({ body }) => JSON.parse(body) as { text: string; blocks: { type: string }[] },
  );
  assert.equal(
    raised?.text,
    '🔴 critical, fast: &lt;!channel&gt; &amp; &lt;https://evil.example|click&gt; *bold*',
  );
  assert.deepEqual(
    raised.blocks.map(({ type }) => type),
    ['section', 'context'],
  );
  assert.match(closed?.text ?? '', /closed \(quiet\): fast, bot/);
});

test('what agents are called can neither mention everybody, nor hide a link, nor begin a line of its own', () => {
  const hostile = '@channel x@y.example [safe](https://evil.example)\n🔴 critical\u202egnp.exe @all';
  const body = slackBody(message(4, { message: hostile }), 'chat') as {
    text: string;
    unfurl_links: boolean;
    unfurl_media: boolean;
    blocks: { text?: { verbatim?: boolean } }[];
  };
  assert.doesNotMatch(body.text, /@(channel|all)|\]\(|\n|\u202e/);
  assert.match(body.text, /x@y\.example/);
  assert.deepEqual(
    [body.unfurl_links, body.unfurl_media, body.blocks[0]?.text?.verbatim],
    [false, false, true],
  );
});

test('a clock that was set forward and back again delays no message', async (t) => {
  const ops = await receiver(t, (response, n) => void response.writeHead(n === 1 ? 500 : 200).end());
  const one = message(4);
  const s = stage(t, [webhook(ops.url)], { messages: [one] });
  s.clock.ms += YEAR;
  await s.deliveries.take([one], 5);
  await s.until(() => s.deliveries.state().waiting[0]?.attempts === 1);
  s.clock.ms -= YEAR;
  await s.until(() => s.deliveries.state().waiting.length === 0);
  assert.equal(ops.got.length, 2);
});

test('what could not be kept is not reached: it is taken again, and is there once', async (t) => {
  const hangs = await receiver(t, () => undefined);
  const one = message(4);
  let full = true;
  const saved: OutboxState[] = [];
  const s = stage(t, [webhook(hangs.url)], {
    messages: [one],
    save: async (state) => {
      if (full) throw new Error('no space left');
      saved.push(structuredClone(state));
    },
  });
  await assert.rejects(s.deliveries.take([one], 5), /no space left/);
  assert.equal(s.deliveries.reached(), 0);
  full = false;
  await s.deliveries.take([one], 6);
  assert.deepEqual([saved.at(-1)?.reached, saved.at(-1)?.waiting.length], [6, 1]);
});

test('what waits for a destination that is gone for long is given up on record; one that comes back gets it', async (t) => {
  const ops = await receiver(t, OK);
  const one = message(4);
  const item = { id: one.id, index: 4, destination: 'ops', attempts: 2, since: 1, next: 1 };
  const there = [webhook(ops.url)];
  const configured: ReturnType<typeof webhook>[] = [];
  const s = stage(t, there, {
    messages: [one],
    loaded: { format: 1, reached: 5, waiting: [item], dead: [] },
    configured: (all) => all.filter(({ setting }) => configured.some(({ name }) => name === setting.name)),
  });
  s.deliveries.turn();
  assert.deepEqual(await s.deliveries.retry(undefined), [], 'nobody is there who could be asked');
  assert.equal(s.gaveUp.length, 0, 'not at once: the file may be in the middle of a change');
  s.clock.ms += LIMITS.deliveryRetryMostMs;
  await s.until(() => s.gaveUp.length === 1);
  assert.match(s.gaveUp[0]?.error ?? '', /config\.yaml has no destination ops any more/);
  configured.push(...there);
  assert.equal((await s.deliveries.retry('ops')).length, 1);
  await s.until(() => ops.got.length === 1);
});

test('of a name with several addresses an error says what came of it', async (t) => {
  const one = message(4);
  const s = stage(t, [webhook('http://localhost:1/')], { messages: [one] });
  await s.deliveries.take([one], 5);
  await s.until(() => s.deliveries.state().waiting[0]?.attempts === 1);
  assert.match(s.deliveries.state().waiting[0]?.error ?? '', /cannot be asked: .*ECONNREFUSED/);
});

test('a file of messages with times that are none is not gone on with', async () => {
  const item = { id: 'log_x', index: 4, destination: 'ops', attempts: 0, since: 0, next: 1e300 };
  const bytes = Buffer.from(JSON.stringify({ format: 1, reached: 5, waiting: [item], dead: [] }));
  assert.equal(await loadOutbox({ get: async () => bytes }), undefined);
  for (const text of ['', '{', 'null', '[]', '{"format":2}'])
    assert.equal(await loadOutbox({ get: async () => Buffer.from(text) }), undefined);
});

test('a secret that is not there, or no URL, is told without quoting it', async (t) => {
  const planted = `planted-${randomBytes(8).toString('hex')}`;
  const secrets = new Map([['BAD_URL', `ftp://x.example/${planted}`]]);
  const one = message(4);
  const s = stage(
    t,
    [
      { name: 'a', type: 'slack', url_secret: 'BAD_URL' },
      { name: 'b', type: 'slack', url_secret: 'GONE' },
      { name: 'c', type: 'webhook', url: 'http://127.0.0.1:1/', secret: 'GONE' },
    ],
    { messages: [one], secrets },
  );
  await s.deliveries.take([one], 5);
  await s.until(() => s.deliveries.state().waiting.every(({ attempts }) => attempts === 1));
  const told = JSON.stringify([s.deliveries.state(), s.warnings]);
  assert.ok(!told.includes(planted));
  assert.match(told, /what the vault holds as BAD_URL is no http or https URL/);
  assert.match(told, /the vault has no secret GONE, which is the URL of this destination/);
  assert.match(told, /the vault has no secret GONE, which this webhook is signed with/);
});

test('rules and destinations say together what goes where', () => {
  const alert = (severity: 'info' | 'critical', destinations?: readonly string[]) => ({
    severity,
    closes: false,
    ...(destinations === undefined ? {} : { destinations }),
  });
  assert.equal(goesTo({ name: 'ops' }, alert('info')), true);
  assert.equal(goesTo({ name: 'ops', least: 'warning' }, alert('info')), false);
  assert.equal(goesTo({ name: 'ops', least: 'warning' }, alert('critical')), true);
  assert.equal(goesTo({ name: 'ops' }, alert('info', ['team'])), false);
  assert.equal(goesTo({ name: 'ops', closes: false }, { ...alert('info'), closes: true }), false);
});

test('a destination names its secrets, and never holds one', () => {
  const refused = [
    { name: 'a', type: 'webhook', url: 'https://user:pw@x.example/' },
    { name: 'a', type: 'webhook' },
    { name: 'a', type: 'webhook', url: 'https://x.example/', url_secret: 'U' },
    { name: 'a', type: 'slack', url: 'https://hooks.example/T/B/x' },
    { name: 'stderr', type: 'webhook', url: 'https://x.example/' },
  ];
  for (const setting of refused)
    assert.equal(DestinationSettingSchema.safeParse(setting).success, false, JSON.stringify(setting));
  assert.equal(
    placeOf({ name: 'a', type: 'webhook', url: 'https://x.example/T0/secret?k=v' }),
    'https://x.example/…',
  );
});

test('waits are spread over the upper half of what they double to, and bounded', () => {
  assert.equal(backoffMs(1, 0, undefined), 2_500);
  assert.equal(backoffMs(1, 1, undefined), 5_000);
  assert.equal(backoffMs(200, 1, undefined), LIMITS.deliveryRetryMostMs);
  assert.equal(backoffMs(1, 0, 60_000), 60_000);
});
