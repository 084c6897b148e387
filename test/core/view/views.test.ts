import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/core/json.ts';
import { csvLine, csvRecord } from '../../../src/core/view/csv.ts';
import { guardFormula, unguardFormula } from '../../../src/core/view/formula.ts';
import { createChainCheck } from '../../../src/core/view/fullmakt.ts';
import { PLAIN_COLUMNS, plainRecord } from '../../../src/core/view/plain.ts';
import { withoutUserinfo } from '../../../src/core/view/secretspec.ts';
import { isChained } from '../../../src/core/view/view.ts';
import { VIEW_NAMES, VIEWS } from '../../../src/core/view/views.ts';
import { GOLDEN_NAMES, makeGolden, readGolden } from './golden.ts';

const recordsOf = (name: string): JsonObject[] =>
  readGolden(name)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonObject);

describe('the views', () => {
  for (const name of GOLDEN_NAMES) {
    it(`make ${name} byte for byte`, async () => {
      assert.equal(await makeGolden(name), readGolden(name));
    });
  }

  it('have the members of their format and no other, in its order', () => {
    for (const name of VIEW_NAMES) {
      const { fields } = VIEWS[name];
      for (const record of recordsOf(`${name}.jsonl`)) {
        const members = Object.keys(record);
        if (name !== 'secretspec') assert.deepEqual(members, fields);
        // Absent members are left out there, and the rest keeps its order.
        else
          assert.deepEqual(
            members,
            fields.filter((field) => members.includes(field)),
          );
      }
    }
  });

  it('take away credentials in the address of a provider', () => {
    assert.equal(withoutUserinfo('keyring://'), 'keyring://');
    assert.equal(withoutUserinfo('vault://user:pa@ss@host/path?a=b@c'), 'vault://host/path?a=b@c');
    assert.equal(withoutUserinfo('vault://user:pass@'), 'vault://');
    assert.equal(withoutUserinfo('op:user@host/x'), 'op:host/x');
    assert.equal(withoutUserinfo('plain@name'), 'plain@name');
  });

  it('never throw, whatever an entry holds, and give JSON of their own members', () => {
    const type = fc.constantFrom(
      'http.call',
      'secret.access',
      'tool.call',
      'model.call',
      'approval.grant',
      'future.thing',
      '__proto__',
      'constructor',
    );
    const odd = fc.dictionary(
      fc.constantFrom(
        'id',
        'ts',
        'phase',
        'actor',
        'action',
        'credentials',
        'decision',
        'outcome',
        'secret',
        'source',
        'metadata',
        'risk',
        'run_id',
        'reason',
        'parent_id',
        '__proto__',
      ),
      fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
    );
    const phase = fc.constantFrom('pre_exec', 'post_exec', 'point', 'other');
    const deep = fc.record(
      {
        actor: fc.dictionary(
          fc.constantFrom('agent_id', 'user', 'role', 'os', 'on_behalf_of'),
          fc.jsonValue({ maxDepth: 2 }),
        ),
        action: fc.dictionary(
          fc.constantFrom('name', 'target', 'tool', 'key'),
          fc.jsonValue({ maxDepth: 2 }),
        ),
        credentials: fc.array(fc.jsonValue({ maxDepth: 2 })),
        decision: fc.dictionary(fc.constantFrom('outcome', 'reason', 'layer'), fc.jsonValue({ maxDepth: 1 })),
        outcome: fc.dictionary(
          fc.constantFrom('status', 'status_code', 'error', 'duration_ms'),
          fc.jsonValue({ maxDepth: 1 }),
        ),
        secret: fc.dictionary(
          fc.constantFrom('key', 'keys', 'operation', 'provider', 'found'),
          fc.jsonValue({ maxDepth: 2 }),
        ),
      },
      { requiredKeys: [] },
    );
    const entry = fc
      .tuple(type, phase, odd, deep)
      .map(([name, at, one, two]) => ({ ...one, ...two, type: name, phase: at }) as JsonObject);
    fc.assert(
      fc.property(entry, fc.option(entry, { nil: undefined }), (first, last) => {
        const call = last === undefined ? { first } : { first, last };
        for (const name of VIEW_NAMES) {
          const view = VIEWS[name];
          const link = isChained(view) ? view.chain() : (record: JsonObject) => record;
          for (const record of view.records(call).map((record) => link(record))) {
            assert.ok(Object.keys(record).every((member) => view.fields.includes(member)));
            assert.equal(typeof JSON.stringify(record), 'string');
            csvRecord(view.fields, record);
          }
        }
        csvRecord(PLAIN_COLUMNS, plainRecord(call));
      }),
      { numRuns: 400 },
    );
  });
});

describe('the chain of fullmakt', () => {
  const check = (records: readonly JsonObject[]) => {
    const chain = createChainCheck();
    for (const record of records) chain.see(record);
    return chain.verdict();
  };

  it('holds for what was exported, and for nothing exported', () => {
    const records = recordsOf('fullmakt.jsonl');
    assert.deepEqual(check(records), { records: records.length });
    assert.deepEqual(check([]), { records: 0 });
  });

  it('names the first record that was altered, taken out, put in or moved', () => {
    const records = recordsOf('fullmakt.jsonl');
    const at = (n: number): JsonObject => records[n] ?? {};
    const cases: readonly (readonly [JsonObject[], number])[] = [
      [records.map((record, i) => (i === 4 ? { ...record, status: 200 } : record)), 4],
      [records.map((record, i) => (i === 4 ? { ...record, added: true } : record)), 4],
      [records.filter((_, i) => i !== 4), 4],
      [records.slice(1), 0],
      [[...records.slice(0, 3), at(2), ...records.slice(3)], 3],
      [[...records.slice(0, 3), at(4), at(3), ...records.slice(5)], 3],
    ];
    for (const [altered, first] of cases) assert.equal(check(altered).broken?.record, first);
  });

  it('says what is wrong with records that hold no chain at all', () => {
    fc.assert(
      fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 1 }), (records) => {
        assert.equal(check(records as JsonObject[]).broken?.record, 0);
      }),
      { numRuns: 100 },
    );
  });
});

describe('CSV', () => {
  it('quotes what RFC 4180 says, and guards what a spreadsheet would take for a formula', () => {
    assert.equal(
      csvLine(['a', 'b,c', 'say "x"', 'two\nlines', null, undefined, 7, true, [1], { a: 'b' }]),
      'a,"b,c","say ""x""","two\nlines",,,7,true,[1],"{""a"":""b""}"\r\n',
    );
    for (const start of ['=', '+', '-', '@', '\t', '\r']) assert.match(csvLine([`${start}1`]), /^"?'/);
    assert.equal(csvLine([-1]), "'-1\r\n");
    assert.equal(csvLine(['a=1', ' a', "it's", '']), "a=1, a,it's,\r\n");
  });

  it('guards what some programs read as such a cell: behind white space, unseen characters, and in other widths', () => {
    const hidden = [' =1', '\u00a0=1', '\ufeff@x', '\u200b+1', '\u0000=1', ' \t -1', '\n1'];
    const wide = ['\uff1d1', '\uff0b1', '\uff0d1', '\uff20x', '\ufe66x', '\u22121'];
    for (const cell of [...hidden, ...wide]) assert.match(csvLine([cell]), /^"?'/, JSON.stringify(cell));
  });

  it('gives every text back that is guarded and read again, also one with an apostrophe of its own', () => {
    for (const cell of ["'=1", "''=1", "'", "'a", "' =1", '=1', ' =1'])
      assert.equal(unguardFormula(guardFormula(cell)), cell);
    fc.assert(
      fc.property(fc.stringMatching(/^['=+@ \t\r\n\uff1d-]{0,6}.{0,3}$/), (text) => {
        assert.equal(unguardFormula(guardFormula(text)), text);
      }),
    );
  });

  const withPython = { skip: spawnSync('python3', ['--version']).status !== 0 };
  it('is read by another program as it was written', withPython, () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 }).map((raw) => raw.replaceAll('\0', ''));
    const cells = fc.array(
      fc.oneof(text, fc.constantFrom('=1', '+', '-2', '@a', '\tx', '\rx', '"', ',', '\r\n', '')),
      {
        minLength: 2,
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(fc.array(cells, { minLength: 20, maxLength: 60 }), (rows) => {
        const input = rows.map((row) => csvLine(row)).join('');
        const script =
          'import csv,io,json,sys\nraw=sys.stdin.buffer.read().decode("utf-8")\nprint(json.dumps(list(csv.reader(io.StringIO(raw,newline="")))))';
        const { stdout, status } = spawnSync('python3', ['-c', script], { input, encoding: 'utf8' });
        assert.equal(status, 0);
        const read = JSON.parse(stdout) as string[][];
        assert.ok(!read.flat().some((cell) => /^[=+\-@\t\r\n]/.test(cell)));
        assert.deepEqual(
          read.map((row) => row.map(unguardFormula)),
          rows,
        );
      }),
      { numRuns: 4 },
    );
  });
});
