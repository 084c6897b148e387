import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { IMPORT_FORMATS } from '../../../src/core/import/decoder.ts';
import { createImportReader } from '../../../src/core/import/read.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { eventsOf, lines, readAll, refusalsOf } from './read.ts';

/** Values that a record of any format might have, right and wrong ones. */
const value: fc.Arbitrary<unknown> = fc.oneof(
  { depthSize: 'small' },
  fc.jsonValue(),
  fc.constantFrom(
    'pre_exec',
    'post_exec',
    'allow',
    'stop',
    'ok',
    'error',
    'GET',
    'user',
    'get',
    '1.0',
    200,
    -1,
    Number.MAX_VALUE,
  ),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom(
    'tool_call',
    'tool_result',
    'assistant',
    'https://user:pass@h/p?q=1#f',
    "'=1",
    '\u0000',
    '__proto__',
  ),
  fc.array(
    fc.record(
      {
        type: fc.constantFrom('text', 'thinking', 'tool_use', 'tool_result', 'image', 7),
        id: fc.constantFrom('t1', 't2', 5, null),
        tool_use_id: fc.constantFrom('t1', 't2', 'never', {}),
        name: fc.jsonValue(),
        input: fc.jsonValue(),
        text: fc.oneof(fc.string(), fc.jsonValue()),
        content: fc.jsonValue(),
      },
      { requiredKeys: [] },
    ),
  ),
);
// biome-ignore format: a list
const NAMES = [
  'id', 'timestamp', 'ts', 'type', 'phase', 'action', 'actor', 'agent_id', 'credential_ref', 'target_url', 'method',
  'status_code', 'error', 'key', 'keys', 'outcome', 'reason', 'run_id', 'step_id', 'decision', 'result', 'scope', 'layer',
  'schema_version', 'event_type', 'event_id', 'parent_event_id', 'payload', 'risk', 'metadata', 'principal', 'host',
  'on_behalf_of', 'status', 'prevHash', 'chainHash', 'message', 'uuid', 'parentUuid', 'sessionId', 'toolUseResult',
  'subtype', 'content', 'summary', 'isMeta', 'version', 'caller', 'command', 'provider', 'ref', '__proto__', 'imported',
];
const record = fc.array(fc.tuple(fc.constantFrom(...NAMES), value), { maxLength: 14 }).chain((members) =>
  fc
    .constantFrom<Record<string, unknown>>(
      {},
      {
        type: 'assistant',
        message: { id: 'm', content: [{ type: 'tool_use', id: 't1', name: 'x', input: {} }] },
      },
      { schema_version: '1.0', event_type: 'tool_call', event_id: 'a' },
      { action: 'get', key: 'K' },
      { action: 'refund', phase: 'pre_exec' },
      { principal: 'a', method: 'GET' },
    )
    .map((base) => ({ ...base, ...Object.fromEntries(members) })),
);
const line = fc.oneof(
  { weight: 6, arbitrary: record.map((one) => Buffer.from(JSON.stringify(one))) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.string().map((text) => Buffer.from(text)) },
);

describe('any file', () => {
  for (const format of IMPORT_FORMATS) {
    it(`of ${format} is read to its end, each line once, with the same answer however it is cut`, () => {
      fc.assert(
        fc.property(fc.array(line, { maxLength: 12 }), fc.integer({ min: 1, max: 200 }), (all, piece) => {
          const bytes = Buffer.concat(all.flatMap((one) => [one, Buffer.from('\n')]));
          const whole = readAll(format, bytes);
          assert.deepEqual(readAll(format, bytes, { piece }), whole);
          const told = whole.items.map((item) => item.line);
          assert.equal(new Set(told).size, told.length, 'a line is told once');
          const written = bytes.toString('latin1').split('\n').length - 1;
          assert.ok(told.every((at) => at >= 1 && at <= written));
          for (const event of eventsOf(whole.items)) {
            assert.match(event.id ?? '', /^log_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
            assert.ok(Object.values(event.quality ?? {}).every((quality) => quality === 'asserted'));
            assert.ok(Buffer.byteLength(JSON.stringify(event.metadata)) <= LIMITS.freeObjectBytes);
          }
          const ids = eventsOf(whole.items).map(({ id }) => id);
          assert.equal(new Set(ids).size, ids.length, 'no two events have one id');
        }),
        { numRuns: 100 },
      );
    });
  }
});

describe('a hostile file', () => {
  it('with a line of 100 MB is read in flat memory, and the lines around it are kept', () => {
    const reader = createImportReader({ format: 'secretspec', file: 'f' });
    const good = Buffer.from(`${JSON.stringify({ action: 'get', key: 'A' })}\n`);
    const junk = Buffer.alloc(1 << 20, 'x');
    const items = [...reader.push(good)];
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 100; i++) items.push(...reader.push(junk));
    assert.ok(process.memoryUsage().rss - before < 3 * LIMITS.importLineBytes, 'no more than a line is held');
    items.push(...reader.push(Buffer.concat([Buffer.from('\n'), good])), ...reader.end());
    assert.deepEqual(
      items.map((item) => [item.line, 'events' in item]),
      [
        [1, true],
        [2, false],
        [3, true],
      ],
    );
    assert.match(refusalsOf(items)[0] ?? '', /^2: longer than/);
  });

  it('with an open quote in CSV loses the record it stands in, not what follows it', () => {
    const header = 'id,method,error\n';
    const long = `1,GET,"${'x\n'.repeat(LIMITS.importRowBytes / 2 + 10)}`;
    const { items } = readAll('agentsecrets', `${header}${long}2,GET,\n`, { piece: 1 << 20 });
    assert.match(
      refusalsOf(items)[0] ?? '',
      /^2: longer than \d+ bytes: an open quote\? Lines 2 to \d+ are lost/,
    );
    assert.equal(eventsOf(items).at(-1)?.action?.target?.method, 'GET');
  });

  it('that is nested deeper than anything real is refused by line, in a time that follows its size', () => {
    const deep = `{"action":"get","key":${'['.repeat(2_000_000)}`;
    const started = performance.now();
    const { items } = readAll('secretspec', lines(deep, { action: 'get', key: 'A' }));
    assert.deepEqual(refusalsOf(items), ['1: nested deeper than 64 levels']);
    assert.equal(eventsOf(items).length, 1);
    assert.ok(performance.now() - started < 5_000);
  });

  it('with NUL bytes, invalid UTF-8 or no objects is refused line by line', () => {
    const bytes = Buffer.concat([
      Buffer.from('{"action":"get","key":"\u0000"}\n'),
      Buffer.of(0xff, 0xfe, 0x0a),
      Buffer.from('[1]\nnull\n"x"\n\n   \n{"action":"get","key":"A"}'),
    ]);
    const { items } = readAll('secretspec', bytes);
    assert.deepEqual(refusalsOf(items), [
      '1: not JSON',
      '2: not UTF-8',
      '3: not a JSON object',
      '4: not a JSON object',
      '5: not a JSON object',
    ]);
    assert.deepEqual(items.at(-1)?.line, 8, 'blank lines count as lines and are no records');
  });

  it('whose messages name one another in a circle, and use ids twice, ends', () => {
    const message = (uuid: string, parentUuid: string, content: unknown[]) => ({
      type: 'assistant',
      uuid,
      parentUuid,
      message: { content },
    });
    const call = { type: 'tool_use', id: 'same', name: 'Bash', input: {} };
    const result = {
      type: 'user',
      message: { content: [{ type: 'tool_result', tool_use_id: 'same', content: 'x' }] },
    };
    const { items, unpaired } = readAll(
      'claude-code',
      lines(message('a', 'b', [call]), message('b', 'a', [call]), message('a', 'a', [call]), result, result),
    );
    const events = eventsOf(items);
    assert.equal(events.filter(({ phase }) => phase === 'pre_exec').length, 3);
    assert.deepEqual(
      events.filter(({ type }) => type === 'tool.result').map(({ phase, parent_id }) => [phase, parent_id]),
      [
        ['post_exec', events[2]?.id],
        ['point', undefined],
      ],
    );
    assert.equal(unpaired, 1);
  });

  it('with many long members keeps what fits, and names the rest', () => {
    const record = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`extra_${i}`, 'y'.repeat(i * 40)]),
    );
    const { items } = readAll('secretspec', lines({ action: 'get', key: 'A', ...record }));
    const imported = eventsOf(items)[0]?.metadata?.imported as { fields: object; cut: string[] };
    assert.ok(Buffer.byteLength(JSON.stringify(imported)) < LIMITS.freeObjectBytes);
    assert.ok(imported.cut.length > 0 && Object.keys(imported.fields).length > 0);
  });
});
