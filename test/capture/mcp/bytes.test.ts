import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLineCutter } from '../../../src/capture/mcp/lines.ts';
import { mayCallTool, readLine } from '../../../src/capture/mcp/message.ts';
import { serverNameOf, toolName } from '../../../src/capture/mcp/names.ts';
import { stage } from './stage.ts';

const chunked = fc
  .tuple(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(60), { maxLength: 20 }))
  .map(([bytes, cuts]) => {
    // Line ends are what matters here.
    const all = Buffer.from(bytes.map((byte) => (byte % 7 === 0 ? 0x0a : byte)));
    const chunks: Buffer[] = [];
    let at = 0;
    for (const cut of cuts) {
      chunks.push(all.subarray(at, at + cut));
      at = Math.min(all.length, at + cut);
    }
    return { all, chunks: [...chunks, all.subarray(at)] };
  });

test('lines and pieces, joined, are the bytes that came, and a whole line ends once', () => {
  fc.assert(
    fc.property(chunked, fc.integer({ min: 1, max: 50 }), ({ all, chunks }, limit) => {
      const got: Buffer[] = [];
      let open = false;
      const cutter = createLineCutter(limit, {
        line(bytes) {
          assert.ok(bytes.length <= limit && !open);
          assert.equal(bytes.indexOf(0x0a) === -1 || bytes.indexOf(0x0a) === bytes.length - 1, true);
          got.push(bytes);
        },
        piece(bytes, { first, last }) {
          assert.equal(first, !open);
          open = !last;
          got.push(bytes);
        },
      });
      for (const chunk of chunks) {
        cutter.push(chunk);
        assert.ok(cutter.held() <= limit);
      }
      cutter.end();
      assert.equal(open, false);
      assert.ok(Buffer.concat(got).equals(all));
    }),
    { numRuns: 2_000 },
  );
});

const method = fc.constantFrom('ping', 'resources/read', 'notifications/x', 'tools/list', 'initialize');
const message = fc.record({
  jsonrpc: fc.constant('2.0'),
  id: fc.anything({ maxDepth: 1 }),
  method,
  params: fc.jsonValue(),
});
const harmless = fc.oneof(
  fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes)),
  message.map((one) => Buffer.from(JSON.stringify(one))),
  fc.jsonValue().map((one) => Buffer.from(JSON.stringify(one))),
  fc
    .array(message, { maxLength: 3 })
    .map((all) => Buffer.from(JSON.stringify(all, null, ' ').replaceAll('\n', ''))),
);

test('whatever is no call of a tool reaches the server as it came, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(harmless, { maxLength: 12 }), fc.boolean(), async (lines, crlf) => {
      const all = Buffer.concat(lines.flatMap((line) => [line, Buffer.from(crlf ? '\r\n' : '\n')]));
      fc.pre(!mayCallTool(all.toString('utf8')) && !mayCallTool(all.toString('latin1')));
      const box = await stage();
      for (let at = 0; at < all.length; at += 37) box.say(all.subarray(at, at + 37).toString('latin1'));
      box.reply(all.toString('latin1'));
      await box.end();
      assert.ok(box.toServer().equals(all));
      assert.ok(box.toClient().equals(all));
    }),
    { numRuns: 40 },
  );
});

test('reading a line never throws, and takes nothing for a call that JSON.parse takes for something else', () => {
  const hostile = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'{}[]":,\\/ \r\u017fmMethodtools/callpnridus0'), maxLength: 200 }),
    fc
      .jsonValue()
      .map((value) => JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: value })),
    fc.json(),
  );
  fc.assert(
    fc.property(hostile, (text) => {
      const read = readLine(Buffer.from(`${text}\n`));
      if (read.kind !== 'message' || !('method' in read.message) || read.message.method !== 'tools/call')
        return;
      const plain = JSON.parse(text) as { method: string; params: { name: unknown } };
      assert.equal(plain.method, 'tools/call');
      assert.equal(typeof plain.params.name, 'string');
    }),
    { numRuns: 5_000 },
  );
});

test('elements of a batch are found where they stand', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 6 }), fc.constantFrom(0, 1, 4), (values, indent) => {
      const bytes = Buffer.from(JSON.stringify(values, null, indent).replaceAll('\n', ' '));
      const read = readLine(bytes);
      fc.pre(read.kind === 'batch');
      if (read.kind !== 'batch') return;
      assert.deepEqual(
        read.spans.map(({ from, to }) => JSON.parse(bytes.subarray(from, to).toString()) as unknown),
        // JSON has no -0.
        JSON.parse(bytes.toString()),
      );
    }),
    { numRuns: 1_000 },
  );
});

test('a call that is written plainly is one, and its long numbers keep their digits', () => {
  const read = readLine(
    Buffer.from(
      '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x","arguments":{"n":12345678901234567890}}}',
    ),
  );
  assert.deepEqual(read, {
    kind: 'message',
    message: {
      kind: 'request',
      id: 7,
      method: 'tools/call',
      params: { name: 'x', arguments: { n: '12345678901234567890' } },
    },
  });
});

test('a server is called by what its command line starts', () => {
  for (const [line, name] of [
    ['npx -y @modelcontextprotocol/server-github@1.2.3', 'server-github'],
    ['uvx mcp-server-fetch', 'mcp-server-fetch'],
    ['node /opt/servers/mail.mjs --port 3', 'mail'],
    ['/usr/local/bin/my_server --x', 'my_server'],
    ['docker run -i --rm ghcr.io/acme/mcp@sha256:abc', 'mcp'],
    ['C:\\tools\\thing.exe', 'thing'],
    ['npx', 'npx'],
    ['\u2603', 'server'],
  ] as const) {
    const [command = '', ...args] = line.split(' ');
    assert.equal(serverNameOf(command, args), name);
  }
  assert.equal(toolName('a', 'x'.repeat(5_000)).length, 256);
  assert.notEqual(toolName('a', 'x'.repeat(5_000)), toolName('a', 'x'.repeat(5_001)));
});
