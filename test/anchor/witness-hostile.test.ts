/** Witnesses that are down, slow, broken or lying. Each ends in one clear error, in bounded time, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createWitnessAnchor } from '../../src/anchor/witness.ts';
import { encodeUtf8 } from '../../src/core/bytes.ts';
import { isTallyError } from '../../src/core/error.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { parseNote } from '../../src/core/tlog/note.ts';
import { encodeCosignatures } from '../../src/core/tlog/witness-protocol.ts';
import { growLog, makeCosigner, startWitness } from '../support/witness.ts';

const log = growLog();
const cosigner = makeCosigner();
const signal = new AbortController().signal;
const SHORT_MS = 300;

type Act = (request: IncomingMessage, response: ServerResponse, body: string, nth: number) => void;

/** A witness that does what the test says. */
async function hostile(t: TestContext, act: Act): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      asked.push(body);
      act(request, response, body, asked.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const anchorOf = (url: string, options: { lastSize?: number; vkey?: string } = {}) =>
  createWitnessAnchor({
    name: 'w1',
    url,
    vkey: options.vkey ?? cosigner.vkey,
    now: Date.now,
    timeoutMs: SHORT_MS,
    ...(options.lastSize === undefined ? {} : { lastSize: async () => options.lastSize }),
  });
const fails = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(isTallyError(error), String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, text);
  return true;
};
const seconds = (): number => Math.floor(Date.now() / 1000);
const lines = (note: Uint8Array, time = seconds(), by = cosigner): Uint8Array =>
  encodeCosignatures([by.cosign(encodeUtf8(parseNote(note).text), time)]);
const size = (response: ServerResponse, n: number | string): void => {
  response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end(`${n}\n`);
};

describe('a witness that', () => {
  it('is down is told as that', async (t) => {
    const { url } = await hostile(t, () => undefined);
    const free = new URL(url);
    const closed = await startWitness(t);
    await closed.close();
    await assert.rejects(
      anchorOf(closed.url).anchor(log.at(3), signal),
      fails('ANCHOR_FAILED', /cannot be asked: .*ECONNREFUSED/),
    );
    free.hostname = 'witness.invalid';
    await assert.rejects(
      anchorOf(free.href).anchor(log.at(3), signal),
      fails('ANCHOR_FAILED', /cannot be asked/),
    );
  });

  it('answers no word of HTTP is told as that', async (t) => {
    const server = createTcpServer((socket) =>
      socket.on('error', () => undefined).end('SSH-2.0-witness\r\n'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await assert.rejects(anchorOf(url).anchor(log.at(3), signal), fails('ANCHOR_FAILED', /cannot be asked/));
  });

  it('never answers, or drips a byte at a time, is left after the time limit', async (t) => {
    const silent = await hostile(t, () => undefined);
    const dripping = await hostile(t, (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('x'), 10);
      response.on('close', () => clearInterval(drip));
    });
    for (const { url } of [silent, dripping]) {
      const started = performance.now();
      await assert.rejects(
        anchorOf(url).anchor(log.at(3), signal),
        fails('ANCHOR_FAILED', /did not answer within 0.3 s/),
      );
      assert.ok(performance.now() - started < 10 * SHORT_MS);
    }
  });

  it('is no longer waited for is left at once', async (t) => {
    const { url } = await hostile(t, () => undefined);
    const abort = new AbortController();
    const anchor = createWitnessAnchor({ name: 'w1', url, vkey: cosigner.vkey, now: Date.now });
    const asked = anchor.anchor(log.at(3), abort.signal);
    const started = performance.now();
    setTimeout(() => abort.abort(), 20);
    await assert.rejects(asked, fails('ANCHOR_FAILED', /no longer waited for/));
    await assert.rejects(
      anchor.anchor(log.at(3), abort.signal),
      fails('ANCHOR_FAILED', /no longer waited for/),
    );
    assert.ok(performance.now() - started < LIMITS.witnessAnswerMs / 2);
  });

  it('sends a body without end is cut off at the size limit', async (t) => {
    let sent = 0;
    const { url } = await hostile(t, (_, response) => {
      response.writeHead(200);
      const flood = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384, '— a b\n'))) sent += 16_384;
      };
      response.on('drain', flood);
      flood();
    });
    await assert.rejects(
      anchorOf(url).anchor(log.at(3), signal),
      fails('ANCHOR_FAILED', new RegExp(`more than ${LIMITS.witnessMessageBytes} bytes`)),
    );
    assert.ok(sent < 64 * 1024 * 1024);
  });

  it('redirects is not followed', async (t) => {
    const target = await hostile(t, (_, response) => response.end('no'));
    for (const status of [301, 302, 303, 307, 308]) {
      const { url } = await hostile(t, (_, response) =>
        response.writeHead(status, { location: `${target.url}/add-checkpoint` }).end(),
      );
      await assert.rejects(
        anchorOf(url).anchor(log.at(3), signal),
        fails('ANCHOR_FAILED', new RegExp(`redirects \\(${status}\\)`)),
      );
    }
    assert.deepEqual(target.asked, []);
  });

  it('answers a status that is none of the protocol is told as that', async (t) => {
    for (const status of [201, 204, 400, 401, 418, 429, 500, 502, 503]) {
      const { url, asked } = await hostile(t, (_, response) => response.writeHead(status).end());
      await assert.rejects(
        anchorOf(url).anchor(log.at(3), signal),
        fails('ANCHOR_FAILED', new RegExp(`${status}`)),
      );
      assert.equal(asked.length, 1);
    }
  });

  it('answers 200 with anything but a cosignature by its key over this checkpoint gives no receipt', async (t) => {
    const subject = log.at(5);
    const other = makeCosigner(2);
    const answers: readonly (readonly [string | Uint8Array, RegExp])[] = [
      ['', /no list of signatures/],
      ['ok\n', /no list of signatures/],
      ['\n', /no list of signatures/],
      [Buffer.of(0xff, 0xfe, 0x0a), /no list of signatures/],
      [Buffer.from(lines(subject.note)).subarray(0, -1), /no list of signatures/],
      [lines(subject.note, seconds(), other), /no signature by the key/],
      [lines(subject.note, seconds(), makeCosigner(1, 'other.example')), /no signature by the key/],
      // Another checkpoint, another log, an altered byte.
      [lines(log.at(4).note), /does not hold for this checkpoint/],
      [lines(growLog({ origin: 'other.example/x' }).at(5).note), /does not hold for this checkpoint/],
      [lines(growLog({ fork: 2 }).at(5).note), /does not hold for this checkpoint/],
      [
        Buffer.from(lines(subject.note))
          .toString()
          .replace(/.{6}=?=?\n$/, 'AAAA==\n'),
        /no list|does not hold/,
      ],
      // One good line does not make up for a bad one by the same key.
      [Buffer.concat([lines(subject.note), lines(log.at(4).note)]), /does not hold for this checkpoint/],
    ];
    for (const [answer, text] of answers) {
      const { url } = await hostile(t, (_, response) => response.end(answer));
      await assert.rejects(anchorOf(url).anchor(subject, signal), fails('ANCHOR_FAILED', text));
    }
  });

  it('gives a cosignature of another time than now gives no receipt', async (t) => {
    const subject = log.at(5);
    const skew = LIMITS.witnessSkewMs / 1000;
    for (const [offset, text] of [
      [skew + 5, /s after ours/],
      [-skew - 5, /s before ours/],
      [10 ** 10, /s after ours/],
    ] as const) {
      const { url } = await hostile(t, (_, response) =>
        response.end(lines(subject.note, seconds() + offset)),
      );
      await assert.rejects(anchorOf(url).anchor(subject, signal), fails('ANCHOR_FAILED', text));
    }
    const { url } = await hostile(t, (_, response) =>
      response.end(lines(subject.note, seconds() + skew - 60)),
    );
    assert.ok((await anchorOf(url).anchor(subject, signal)).time);
  });

  it('gives more than was asked for gives a receipt with its own line only', async (t) => {
    const subject = log.at(5);
    const { url } = await hostile(t, (_, response) =>
      response.end(
        Buffer.concat([lines(subject.note, seconds(), makeCosigner(3, 'spam.example')), lines(subject.note)]),
      ),
    );
    const { bytes } = await anchorOf(url).anchor(subject, signal);
    assert.deepEqual(
      parseNote(bytes).signatures.map(({ name }) => name),
      [log.signer.name, cosigner.name],
    );
  });

  it('claims a longer log, or another one of this size, is a conflict', async (t) => {
    for (const told of [6, Number.MAX_SAFE_INTEGER]) {
      const { url, asked } = await hostile(t, (_, response) => size(response, told));
      await assert.rejects(
        anchorOf(url).anchor(log.at(5), signal),
        fails('ANCHOR_CONFLICT', new RegExp(`cosigned ${told} entries`)),
      );
      assert.equal(asked.length, 1);
    }
    const same = await hostile(t, (_, response) => size(response, 5));
    await assert.rejects(
      anchorOf(same.url).anchor(log.at(5), signal),
      fails('ANCHOR_CONFLICT', /another tree of the same size/),
    );
    const proof = await hostile(t, (_, response, __, nth) =>
      nth === 1 ? size(response, 3) : response.writeHead(422).end(),
    );
    await assert.rejects(
      anchorOf(proof.url).anchor(log.at(5), signal),
      fails('ANCHOR_CONFLICT', /another tree of 3 entries/),
    );
  });

  it('cannot make up its mind is asked twice and no more', async (t) => {
    const changing = await hostile(t, (_, response, __, nth) => size(response, nth));
    await assert.rejects(
      anchorOf(changing.url).anchor(log.at(50), signal),
      fails('ANCHOR_FAILED', /said that it knows 1 entries, and then 2/),
    );
    assert.equal(changing.asked.length, 2);
    const stubborn = await hostile(t, (_, response) => size(response, 4));
    await assert.rejects(
      anchorOf(stubborn.url).anchor(log.at(50), signal),
      fails('ANCHOR_FAILED', /contradicts itself/),
    );
    assert.equal(stubborn.asked.length, 2);
  });

  it('answers 409 without a size is told as that', async (t) => {
    for (const told of ['', 'x', '-1', '05', '1e3', '9007199254740992', '5\n6']) {
      const { url, asked } = await hostile(t, (_, response) => size(response, told));
      await assert.rejects(
        anchorOf(url).anchor(log.at(9), signal),
        fails('ANCHOR_FAILED', /409 without the size/),
        told,
      );
      assert.equal(asked.length, 1);
    }
  });

  it('forgot everything is started again, and that is told', async (t) => {
    const subject = log.at(9);
    const told: string[] = [];
    const { url, asked } = await hostile(t, (_, response, __, nth) =>
      nth === 1 ? size(response, 0) : response.end(lines(subject.note)),
    );
    const anchor = createWitnessAnchor({
      name: 'w1',
      url,
      vkey: cosigner.vkey,
      now: Date.now,
      lastSize: async () => 7,
      onForgot: (line) => told.push(line),
    });
    await anchor.anchor(subject, signal);
    assert.deepEqual(
      asked.map((body) => body.split('\n')[0]),
      ['old 7', 'old 0'],
    );
    assert.match(told.join(), /cosigned 7 entries of log\.example\/local and now knows 0: it forgot/);
    assert.equal(told.length, 1);
  });

  it('lied once does not change what an honest answer is worth afterwards', async (t) => {
    const honest = await startWitness(t);
    const lies: Act[] = [
      (_, response) => size(response, 3),
      (_, response) => size(response, 99),
      (_, response) => response.end(lines(log.at(4).note)),
      (_, response) => response.writeHead(422).end(),
    ];
    let lying = true;
    let nth = 0;
    const proxy = await hostile(t, (request, response, body) => {
      if (lying) return lies[nth++ % lies.length]?.(request, response, body, nth);
      void fetch(`${honest.url}/add-checkpoint`, { method: 'POST', body }).then(async (answer) => {
        response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
        response.end(Buffer.from(await answer.arrayBuffer()));
      });
    });
    const anchor = anchorOf(proxy.url);
    for (let i = 0; i < lies.length; i++) await assert.rejects(anchor.anchor(log.at(9), signal));
    lying = false;
    const before = proxy.asked.length;
    await anchor.anchor(log.at(9), signal);
    await anchor.anchor(log.at(12), signal);
    assert.deepEqual(
      proxy.asked.slice(before).map((body) => body.split('\n')[0]),
      ['old 0', 'old 9'],
    );
  });
});
