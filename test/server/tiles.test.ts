import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { isTallyError } from '../../src/core/error.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { LogReader } from '../../src/core/ports.ts';
import { signCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { publishedLog } from '../../src/core/tlog/published.ts';
import { bundlePath, bundlesOf, decodeBundle, tilePath, tilesOf } from '../../src/core/tlog/tile.ts';
import { verifyLog } from '../../src/core/tlog/verify.ts';
import { exitCodeOf } from '../../src/core/tlog/verify-report.ts';
import { createTileHandler, type TileAnswer } from '../../src/server/tiles.ts';
import { serveTiles, type TileServer } from '../../src/server/tiles-http.ts';
import { buildLog, bytesOf, type TestLog } from '../core/tlog/fixture.ts';

/** Segments of 512 entries, served as a store would: full tiles only, and no more than is said to be signed. */
function readerOf(log: TestLog, change: { lost?: ReadonlySet<string> } = {}): LogReader {
  const segments = (): number[] =>
    Array.from({ length: Math.ceil(log.lines.length / 512) }, (_, i) => i * 512);
  const bytesAt = (first: number): Uint8Array => bytesOf(log.lines.slice(first, first + 512));
  const objects = new Map(
    [...log.tiles].map(([name, bytes]) => {
      const [level, index] = name.split('/').map(Number);
      return [tilePath({ level: level ?? 0, index: index ?? 0, width: 256 }), bytes];
    }),
  );
  return {
    segments: async () => segments().map((first) => ({ first, bytes: bytesAt(first).length, sealed: false })),
    seek: async (first) => ({ index: first, offset: 0 }),
    async *read(first, offset = 0) {
      const bytes = bytesAt(first).slice(offset);
      for (let at = 0; at < bytes.length; at += 10_000) yield bytes.slice(at, at + 10_000);
    },
    objects: {
      get: async (name) => {
        if (change.lost?.has(name)) return undefined;
        return name === 'checkpoint' ? log.checkpoint : objects.get(name)?.slice();
      },
      list: async () => [],
    },
  };
}

const HOST = '127.0.0.1:7700';
function ask(log: TestLog, lost?: ReadonlySet<string>) {
  const handler = createTileHandler({
    name: 'local@2',
    reader: readerOf(log, lost === undefined ? {} : { lost }),
    hosts: new Set([HOST]),
    onError: (error) => assert.ok(isTallyError(error)),
  });
  return (path: string, method = 'GET', headers: Record<string, string> = {}): Promise<TileAnswer> =>
    handler({
      method,
      url: path.startsWith('/') ? path : `/log/local@2/${path}`,
      headers: { host: HOST, ...headers },
    });
}

describe('the log over HTTP', () => {
  it('has every tile and bundle of its size, and of every size before it', async () => {
    const log = buildLog(1400, { signed: 1300 });
    const get = ask(log);
    const whole = buildLog(1300);
    for (const size of [1300, 1299, 1024, 1023, 257, 256, 1]) {
      for (const id of tilesOf(size)) {
        const { status, body } = await get(tilePath(id));
        assert.equal(status, 200, tilePath(id));
        const full = whole.tree.state();
        if (id.level === 0)
          assert.deepEqual(
            body,
            new Uint8Array(Buffer.concat(whole.leaves.slice(id.index * 256, id.index * 256 + id.width))),
          );
        else assert.deepEqual(body, full.partials[1]?.subarray(0, id.width * 32));
      }
      for (const id of bundlesOf(size)) {
        const { body } = await get(bundlePath(id));
        assert.deepEqual(
          decodeBundle(body, id.width).map((entry) => Buffer.from(entry).toString()),
          log.lines.slice(id.index * 256, id.index * 256 + id.width),
        );
      }
    }
    assert.deepEqual((await get('checkpoint')).body, log.checkpoint);
  });

  it('shows nothing that is not signed yet', async () => {
    const get = ask(buildLog(600, { signed: 300 }));
    for (const path of [
      'tile/entries/001.p/45',
      'tile/entries/001',
      'tile/entries/002',
      'tile/0/001.p/45',
      'tile/0/001',
      'tile/1/000.p/2',
      'tile/1/000',
      'tile/2/000.p/1',
    ])
      assert.equal((await get(path)).status, 404, path);
    assert.equal((await get('tile/entries/001.p/44')).status, 200);
  });

  it('makes a tile anew that the store has lost', async () => {
    const log = buildLog(1300);
    const get = ask(log, new Set(['tile/0/001', 'tile/0/002']));
    assert.deepEqual((await get('tile/0/001')).body, log.tiles.get('0/1'));
    assert.deepEqual((await get('tile/1/000.p/5')).body, log.tree.state().partials[1]);
  });

  it('lets caches keep what never changes, and not the checkpoint', async () => {
    const get = ask(buildLog(300));
    const headers = async (path: string): Promise<unknown[]> => {
      const answer = await get(path);
      return [answer.headers['Content-Type'], answer.headers['Cache-Control']];
    };
    const forEver = ['application/octet-stream', 'private, max-age=31536000, immutable'];
    assert.deepEqual(await headers('tile/entries/000'), forEver);
    assert.deepEqual(await headers('tile/0/001.p/44'), forEver);
    assert.deepEqual(await headers('checkpoint'), ['text/plain; charset=utf-8', 'no-cache']);
    assert.equal((await get('tile/0/002')).headers['Cache-Control'], 'no-store');
    for (const path of ['checkpoint', 'tile/0/000'])
      assert.ok(!Object.keys((await get(path)).headers).some((name) => /^access-control/i.test(name)));
  });

  it('answers nothing else', async () => {
    const get = ask(buildLog(300));
    const statuses: Record<string, number> = {
      '/': 404,
      '/log/local/checkpoint': 404,
      '/log/local@2': 404,
      '/log/local@2/': 404,
      '/log/local%402/checkpoint': 200,
      '/checkpoint': 404,
      'checkpoint/': 404,
      'checkpoint?x': 400,
      'log.json': 404,
      'entries/000000000000.jsonl': 404,
      'tile/0/0': 404,
      'tile/0/000/': 404,
      'tile/00/000': 404,
      'tile/7/000': 404,
      'tile/0/x000/000': 404,
      'tile/0/000.p/0': 404,
      'tile/0/001.p/044': 404,
      'tile/0/000.p/256': 404,
      'tile/0/../0/000': 404,
      '../local@2/checkpoint': 404,
      'tile/0/%30%30%30': 404,
      'tile/0/000 ': 400,
      'tile/0/000#': 400,
      'keys/256.note': 404,
      'keys/sizes': 200,
      'keys/../checkpoint': 404,
    };
    for (const [path, status] of Object.entries(statuses))
      assert.equal((await get(path)).status, status, path);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', ''])
      assert.equal((await get('checkpoint', method)).status, 405, method);
    assert.equal((await get('checkpoint', 'HEAD')).status, 200);
  });

  it('turns away pages of a browser, also one that has rebound its name', async () => {
    const get = ask(buildLog(3));
    for (const headers of [
      { host: 'evil.example:7700' },
      { host: '127.0.0.1:7701' },
      { host: '127.0.0.1' },
      { origin: 'http://127.0.0.1:7700' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-origin' },
    ])
      assert.equal((await get('checkpoint', 'GET', headers)).status, 403, JSON.stringify(headers));
  });

  it('tells of damage without its particulars, and of too much at once', async () => {
    const log = buildLog(300);
    log.checkpoint = signCheckpoint({ origin: 'x', size: 1, root: new Uint8Array(32) }, [log.signer]).slice(
      5,
    );
    assert.deepEqual(
      [(await ask(log)('checkpoint')).status, Buffer.from((await ask(log)('checkpoint')).body).toString()],
      [500, 'this part of the log is damaged\n'],
    );
    const get = ask(buildLog(300));
    const answers = await Promise.all(
      Array.from({ length: LIMITS.tileRequests + 5 }, () => get('tile/entries/000')),
    );
    const busy = answers.filter(({ status }) => status === 503);
    assert.equal(busy.length, 5);
    assert.equal(busy[0]?.headers['Retry-After'], '1');
    assert.equal((await get('checkpoint')).status, 200);
  });
});

async function serve(t: TestContext, log: TestLog): Promise<TileServer> {
  const server = await serveTiles({
    name: 'local',
    reader: readerOf(log),
    port: 0,
    onError: (e) => assert.fail(String(e)),
  });
  t.after(() => server.close());
  return server;
}

describe('the server of tiles', () => {
  it('is read by the verifier over HTTP', async (t) => {
    const log = buildLog(1300);
    const { url } = await serve(t, log);
    const source = await publishedLog({
      async get(path) {
        const response = await plainGet(`${url}/${path}`);
        return response.status === 404 ? undefined : new Uint8Array(response.body);
      },
    });
    assert.ok(source);
    const report = await verifyLog(source, { pinned: [log.signer.vkey] });
    assert.equal(exitCodeOf(report), 0, JSON.stringify(report));
    assert.equal(report.entries, 1300);
  });

  it('is for the user whose log it is: other users of the machine get nothing, and are looked up once', async (t) => {
    const asked: number[] = [];
    const server = await serveTiles({
      name: 'local',
      reader: readerOf(buildLog(3)),
      port: 0,
      onError: (error) => assert.match(String(error), /no table/),
      mayRead: async ({ remotePort, localPort }) => {
        asked.push(remotePort);
        assert.equal(localPort, Number(new URL(server.url).port));
        if (asked.length > 1) throw new Error('no table');
        return false;
      },
    });
    t.after(() => server.close());
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    for (let i = 0; i < 3; i++) {
      const { status, body } = await plainGet(`${server.url}/tile/entries/000.p/3`, 'GET', undefined, agent);
      assert.deepEqual([status, /another user/.test(body.toString())], [403, true]);
    }
    assert.equal(asked.length, 1);
    // Not known is not allowed.
    assert.equal((await plainGet(`${server.url}/checkpoint`)).status, 403);
  });

  it('takes no body, sends none for HEAD, and refuses a taken port by its name', async (t) => {
    const { url } = await serve(t, buildLog(3));
    const head = await plainGet(`${url}/checkpoint`, 'HEAD');
    assert.deepEqual(
      [head.status, head.body.length, Number(head.headers['content-length']) > 50],
      [200, 0, true],
    );
    const posted = await plainGet(`${url}/checkpoint`, 'POST', 'x'.repeat(1000));
    assert.deepEqual([posted.status, posted.headers.connection], [405, 'close']);
    const port = Number(new URL(url).port);
    await assert.rejects(
      serveTiles({ name: 'local', reader: readerOf(buildLog(1)), port, onError: () => undefined }),
      (error) => isTallyError(error) && error.code === 'ADDRESS_IN_USE',
    );
  });
});

interface Plain {
  status: number | undefined;
  headers: Record<string, unknown>;
  body: Buffer;
}

/** Not `fetch`: that one says it is a page. */
function plainGet(url: string, method = 'GET', body?: string, agent?: Agent): Promise<Plain> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, ...(agent === undefined ? {} : { agent }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}
