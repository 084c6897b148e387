/**
 * Plants secrets in every encoding in everything a caller, an upstream or a program can put them into, and searches all
 * that was written and all that the caller got. With redaction switched off the same search finds every one of them.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { serializeEntry } from '../../src/core/canonical.ts';
import type { PayloadData } from '../../src/core/entry.ts';
import { createRedactor, type Redacted, type Redactor } from '../../src/core/redact/redact.ts';
import { openSession } from '../../src/open.ts';
import type { Recording } from '../../src/recorder/api.ts';
import { type Form, formsOf, foundIn } from '../support/encodings.ts';
import { collect, makeHome, until } from '../support/home.ts';
import { plainOf } from '../support/payloads.ts';
import { entriesOf, machine } from '../support/recorder.ts';

/** Quotes, a backslash, a slash, plus and a non-ASCII letter: every encoding changes something in it. */
const freshSecret = (): string =>
  `"s\\${randomBytes(15).toString('base64')}+é/${randomBytes(6).toString('hex')}`;

/** Places of an event that a client fills as it likes. */
async function plant(recorder: Recording, forms: readonly Form[]): Promise<void> {
  const producer = { surface: 'sdk', assurance: 'self_reported' } as const;
  for (const { text } of forms) {
    const short = text.slice(0, 500);
    const at = { type: 'tool.call', phase: 'point' } as const;
    await recorder.record(
      { ...at, metadata: { text, nested: { list: [1, { text: `before ${text} after` }] } } },
      producer,
    );
    await recorder.record({ ...at, metadata: { [short]: 'as a name' } }, producer);
    await recorder.record({ ...at, reason: `because ${short}`.slice(0, 500) }, producer);
    await recorder.record(
      { ...at, actor: { agent_id: short.slice(0, 256), user: { id: short.slice(0, 256) } } },
      producer,
    );
    await recorder.record(
      {
        ...at,
        action: {
          name: 'x',
          args: { text },
          target: { path: `/a/${text}` },
          tool: { name: short.slice(0, 256) },
        },
      },
      producer,
    );
    await recorder.record({ ...at, outcome: { status: 'error', error: `failed with ${text}` } }, producer);
    await recorder.record({ ...at, from_the_future: { text } }, producer);
  }
}

async function written(redactor: Redactor, secret: string, known: boolean): Promise<string[]> {
  const missing: string[] = [];
  for (const form of formsOf(secret)) {
    const box = await machine();
    const recorder = await box.open({ redactor });
    if (known) recorder.secrets.set('PLANTED', secret);
    await plant(recorder, [form]);
    await recorder.close('test');
    const everything = [
      ...box.disk.segments.values(),
      ...box.disk.objects.values(),
      ...box.registry.values(),
      ...box.heads.values(),
    ]
      .map((bytes) => Buffer.from(bytes).toString('utf8'))
      .join('\n');
    if (foundIn(everything, form)) missing.push(form.name);
  }
  return missing;
}

test('no encoding of a known secret reaches anything that the recorder writes; without redaction all of them do', async () => {
  const secret = freshSecret();
  assert.deepEqual(await written(createRedactor(), secret, true), []);

  const off: Redactor = {
    ...createRedactor(),
    redactEntry: (entry) => Buffer.from(serializeEntry(entry)) as Uint8Array as Redacted<Uint8Array>,
  };
  assert.deepEqual(
    await written(off, secret, true),
    formsOf(secret).map(({ name }) => name),
  );
});

/** Ways in which a program hands over what it wants kept. */
const CARRIERS: readonly ((text: string) => PayloadData)[] = [
  (data) => ({ media_type: 'text/plain', class: 'result', data }),
  (text) => ({ media_type: 'application/json', class: 'result', data: JSON.stringify({ deep: [{ text }] }) }),
  (text) => ({ media_type: 'application/json', class: 'result', data: `{"a":"${text}","a":1}` }),
  (text) => ({
    media_type: 'text/plain',
    class: 'result',
    data: Buffer.from(text).toString('base64'),
    encoding: 'base64',
  }),
  (text) => ({
    media_type: 'application/octet-stream',
    class: 'result',
    data: Buffer.concat([Buffer.from([0xff, 0]), Buffer.from(text), Buffer.from([0x80])]).toString('base64'),
    encoding: 'base64',
  }),
];

/** Forms that stand in the packs, in the keys, or in the plain text of any payload once it is decrypted. */
async function keptInPayloads(secret: string, keep: 'redacted' | 'full', known: boolean): Promise<string[]> {
  const found: string[] = [];
  for (const form of formsOf(secret)) {
    const box = await machine();
    const recorder = await box.open({ payloads: { keep: { '*': keep } } });
    if (known) recorder.secrets.set('PLANTED', secret);
    for (const carry of CARRIERS) {
      await recorder.record(
        {
          type: 'tool.result',
          phase: 'point',
          payload: { ...carry(form.text), subject: form.text.slice(0, 256) },
        },
        { surface: 'sdk', assurance: 'self_reported' },
      );
    }
    await recorder.close('test');
    const sealed = entriesOf(box.disk).filter(({ payload }) => payload?.pack !== undefined);
    assert.equal(sealed.length, keep === 'full' ? CARRIERS.length : CARRIERS.length - 1);
    const stored = [...box.packs.values(), ...box.dataKeys.values(), ...box.disk.segments.values()];
    assert.ok(
      !stored.some((bytes) => foundIn(Buffer.from(bytes).toString('utf8'), form)),
      `${form.name} was stored`,
    );
    const plain = sealed.map((entry) => plainOf(box, entry).toString('utf8'));
    if (plain.some((text) => foundIn(text, form))) found.push(form.name);
  }
  return found;
}

test('no encoding of a known secret is in a payload once it is decrypted, not even of one that is kept in full', async () => {
  const secret = freshSecret();
  assert.deepEqual(await keptInPayloads(secret, 'redacted', true), []);
  assert.deepEqual(await keptInPayloads(secret, 'full', true), []);
  assert.deepEqual(
    await keptInPayloads(secret, 'full', false),
    formsOf(secret).map(({ name }) => name),
  );
});

/** Answers with whatever the path asks for, in three chunks that cut the value apart. */
function echoingUpstream(echo: (request: IncomingMessage, body: string) => readonly string[]): Server {
  return createServer(async (incoming, response) => {
    let body = '';
    for await (const chunk of incoming) body += String(chunk);
    const pieces = echo(incoming, body);
    response.writeHead(incoming.url?.includes('redirect') ? 302 : 200, {
      'content-type': 'text/plain',
      'x-echo': encodeURIComponent(pieces[0] ?? ''),
      ...(incoming.url?.includes('redirect')
        ? { location: `http://127.0.0.1/next?token=${encodeURIComponent(pieces[0] ?? '')}` }
        : {}),
    });
    for (const piece of pieces) {
      const third = Math.max(1, Math.floor(piece.length / 3));
      for (const cut of [piece.slice(0, third), piece.slice(third, 2 * third), piece.slice(2 * third)]) {
        response.write(cut);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      response.write('\n');
    }
    response.end();
  });
}

function send(
  url: string,
  headers: Record<string, string>,
  body: string | undefined,
): Promise<{ status: number; all: string }> {
  return new Promise((resolve, reject) => {
    const out = request(url, { method: body === undefined ? 'GET' : 'POST', headers }, (response) => {
      let all = JSON.stringify(response.rawHeaders);
      response.on('data', (chunk: Buffer) => {
        all += chunk.toString();
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, all: all + JSON.stringify(response.rawTrailers) }),
      );
      response.on('error', reject);
    });
    out.on('error', reject);
    out.end(body);
  });
}

async function everythingBelow(directory: string): Promise<string> {
  let all = '';
  for (const file of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (file.isFile())
      all += `${file.name}\n${(await readFile(join(file.parentPath, file.name))).toString('latin1')}\n`;
  }
  return all;
}

test('through the real command, no encoding of a credential is written, printed or handed to the agent', {
  timeout: 120_000,
}, async () => {
  const home = await makeHome();
  // Upstreams see header-safe text only.
  const secrets = {
    KEY: `sk+${randomBytes(24).toString('base64')}`,
    LOGIN: `ada:p/${randomBytes(15).toString('base64')}`,
  };
  const all = [secrets.KEY, secrets.LOGIN, secrets.LOGIN.slice(4)].flatMap(formsOf);
  const seen: string[] = [];
  const upstream = echoingUpstream((incoming, body) => {
    seen.push(`${incoming.url} ${JSON.stringify(incoming.headers)} ${body}`);
    // What an upstream echoes is what it was sent: the basic login, or else the key.
    const sent = incoming.url === '/basic' ? [secrets.LOGIN, secrets.LOGIN.slice(4)] : [secrets.KEY];
    const forms = sent.flatMap(formsOf).map(({ text }) => text);
    return [...forms, JSON.stringify(incoming.headers), incoming.url ?? '', body];
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const heard: string[] = [];
  const tally = async (args: readonly string[], input = ''): Promise<void> => {
    const done = await home.tally(args, { input });
    heard.push(done.stdout, done.stderr);
    assert.equal(done.code, 0, done.stderr);
  };
  try {
    await tally(['policy', 'allow', new URL(origin).host, '--http', '--internal']);
    for (const [name, value] of Object.entries(secrets)) await tally(['secrets', 'set', name], value);
    const up = home.start(['up', '--port', '0']);
    const output = collect(up);
    const session = await until(
      () =>
        openSession({
          paths: home.paths,
          client: { surface: 'sdk' },
          onWarning: () => undefined,
          require: 'client',
          waitMs: 100,
        }).catch(() => undefined),
      'the recorder',
    );
    const proxy = `${await until(async () => (await session.ask('status', {})).proxy_url, 'the broker')}/proxy`;

    const calls: readonly (readonly [path: string, headers: Record<string, string>, body?: string])[] = [
      ['/bearer', { 'X-AS-Inject-Bearer': 'KEY' }],
      ['/basic', { 'X-AS-Inject-Basic': 'LOGIN' }],
      ['/header', { 'X-AS-Inject-Header-X-Api-Key': 'KEY' }],
      ['/query?a=1', { 'X-AS-Inject-Query-token': 'KEY' }],
      ['/json', { 'X-AS-Inject-Body-auth-key': 'KEY', 'content-type': 'application/json' }, '{"a":1}'],
      [
        '/form',
        { 'X-AS-Inject-Form-key': 'KEY', 'content-type': 'application/x-www-form-urlencoded' },
        'a=1',
      ],
      ['/redirect', { 'X-AS-Inject-Bearer': 'KEY' }],
      // The agent got hold of a value and sends it itself, in places that are recorded.
      [
        `/leak/${encodeURIComponent(secrets.KEY)}?q=${encodeURIComponent(secrets.KEY)}`,
        { 'X-AS-Inject-Bearer': 'KEY' },
      ],
      ['/agent', { 'X-AS-Inject-Bearer': 'KEY', 'X-AS-Agent-ID': secrets.KEY }],
      ['/missing', { 'X-AS-Inject-Bearer': `KEY_${Buffer.from(secrets.KEY).toString('hex')}` }],
    ];
    const statuses: number[] = [];
    for (const [path, headers, body] of calls) {
      const got = await send(proxy, { ...headers, 'X-AS-Target-URL': `${origin}${path}` }, body);
      statuses.push(got.status);
      // A refusal may quote what the caller itself wrote; an answer of the upstream may hold nothing of it.
      if (got.status < 400) heard.push(got.all);
    }
    // Refused before anything is sent: hosts and ports that do not exist, with the value inside.
    for (const bad of [
      `https://${Buffer.from(secrets.KEY).toString('hex')}.example/`,
      `http://user:${encodeURIComponent(secrets.KEY)}@127.0.0.1/`,
    ]) {
      await send(proxy, { 'X-AS-Inject-Bearer': 'KEY', 'X-AS-Target-URL': bad }, undefined);
    }
    await plant({ record: async (event) => session.ask('record', { event }) }, all);
    await session.close();
    up.kill('SIGTERM');
    const ended = await output;
    heard.push(ended.stdout, ended.stderr);
    for (const args of [
      ['log', 'list', '-n', '500', '--json'],
      ['log', 'list', '--raw', '--jsonl', '--all'],
      ['status', '--json'],
    ]) {
      const done = await home.tally(args);
      heard.push(done.stdout, done.stderr);
    }

    assert.deepEqual(
      statuses.slice(0, 9),
      [200, 200, 200, 200, 200, 200, 302, 200, 200],
      heard.join('\n').slice(0, 2000),
    );
    assert.ok(
      seen.some((line) => line.includes(secrets.KEY)),
      'the upstream got the credential',
    );
    const files = await everythingBelow(home.directory);
    assert.ok(files.includes('"type":"http.call"'), 'the search looks at the log');
    for (const form of all) {
      assert.equal(foundIn(files, form), false, `${form.name} was written`);
      assert.equal(foundIn(heard.join('\n'), form), false, `${form.name} was printed or handed out`);
    }
  } finally {
    upstream.closeAllConnections();
    upstream.close();
    await home.remove();
  }
});
