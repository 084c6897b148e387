import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { serializeEntry } from '../../../src/core/canonical.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { lineIds, lineParents, lineTime, parseLine } from '../../../src/core/query/line.ts';
import { createMentionFinder } from '../../../src/core/query/mentions.ts';
import { watchOpenings } from '../../../src/core/query/openings.ts';
import { type TornFile, watchRecovery } from '../../../src/core/query/recovery.ts';
import { watchSnapshots } from '../../../src/core/query/snapshots.ts';
import { idOf, START_MS } from '../../support/logfiles.ts';

const TS = new Date(START_MS).toISOString();

describe('a look into a line', () => {
  const entry = {
    v: 1,
    id: idOf(7),
    index: 7,
    parent_id: idOf(3),
    ts: TS,
    type: 'custom',
    metadata: {
      ts: '1999-01-01T00:00:00.000Z',
      type: 'x',
      id: idOf(1),
      note: `,"ts":"1999-01-01T00:00:00.000Z","type":"x","v":1}`,
    },
  };

  it('sees the time, the id and the parent that parsing finds', () => {
    const line = Buffer.from(serializeEntry(entry));
    assert.equal(lineTime(line), TS);
    assert.deepEqual([...lineIds(line)], [idOf(7)]);
    assert.deepEqual([...lineParents(line)], [idOf(3)]);
  });

  it('does not guess the time when a newer version writes members after it', () => {
    assert.equal(lineTime(Buffer.from(serializeEntry({ ...entry, zone: 'x' }))), undefined);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const line = Buffer.from(bytes);
        lineTime(line);
        assert.ok([...lineIds(line), ...lineParents(line)].length <= line.length);
        parseLine(line);
      }),
    );
  });

  it('tells why a line is no entry', () => {
    assert.deepEqual(parseLine(Buffer.from([0xff, 0xfe])), { malformed: 'not UTF-8' });
    assert.deepEqual(parseLine(Buffer.from('{"a":')), { malformed: 'not JSON' });
    assert.deepEqual(parseLine(Buffer.from('[]')), { malformed: 'not a JSON object' });
  });
});

describe('a search for mentions', () => {
  it('finds the same lines however the bytes are cut', () => {
    const word = fc.constantFrom('ab', 'a', 'b', 'xab', 'x', '');
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 }),
        (lines, cuts) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          const found: string[] = [];
          const finder = createMentionFinder(Buffer.from('ab'), 100, (line) => found.push(line.toString()));
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const cut = cuts[i % cuts.length] ?? 1;
            finder.push(bytes.subarray(at, at + cut));
            at += cut;
          }
          assert.deepEqual(
            found,
            lines.filter((line) => line.includes('ab')),
          );
        },
      ),
    );
  });

  it('passes over a line that is too long without keeping it', () => {
    const found: string[] = [];
    const finder = createMentionFinder(Buffer.from('ab'), 10, (line) => found.push(line.toString()));
    for (let i = 0; i < 1000; i++) finder.push(Buffer.from('abababab'));
    finder.push(Buffer.from('\nab\n'));
    assert.deepEqual(found, ['ab']);
  });
});

describe('recovery', () => {
  const torn = (name: string) => ({ type: 'log.recover', metadata: { torn: name } });
  const seen = (name: string) => ({ type: 'log.recover', metadata: { acknowledges: name } });
  const files = (...names: readonly string[]) =>
    new Map(names.map((name) => [name, { bytes: 4, sha256: 'aa' }] as const));

  it('holds the bytes of a file against its entry, acknowledged or not', () => {
    const watch = watchRecovery();
    const told = { bytes: 4, sha256: 'aa' };
    for (const name of ['same', 'short', 'other', 'gone'])
      watch.see({ type: 'log.recover', metadata: { torn: name, ...told } });
    watch.see(seen('gone'));
    const { altered, missing, empty, unacknowledged } = watch.judge(
      new Map<string, TornFile>([
        ['same', told],
        ['short', { bytes: 3, sha256: undefined }],
        ['other', { bytes: 4, sha256: 'bb' }],
        ['empty', { bytes: 0, sha256: undefined }],
      ]),
    );
    assert.deepEqual([altered, missing, empty], [['other', 'short'], ['gone'], ['empty']]);
    assert.deepEqual(unacknowledged, ['other', 'same', 'short']);
  });

  it('is open until somebody acknowledged every torn tail', () => {
    const watch = watchRecovery();
    watch.see(torn('a.torn-0'));
    watch.see(torn('b.torn-0'));
    watch.see(seen('a.torn-0'));
    assert.deepEqual(watch.judge(files(...['a.torn-0', 'b.torn-0'])).unacknowledged, ['b.torn-0']);
  });

  it('counts a file that no entry tells of, and an entry whose file is gone', () => {
    const watch = watchRecovery();
    watch.see(torn('gone.torn-0'));
    assert.deepEqual(watch.judge(files(...['silent.torn-0'])).unacknowledged, [
      'gone.torn-0',
      'silent.torn-0',
    ]);
  });

  it('does not take an acknowledgement for a later tail of the same name', () => {
    const watch = watchRecovery();
    watch.see(torn('a.torn-0'));
    watch.see(seen('a.torn-0'));
    watch.see(torn('a.torn-0'));
    assert.deepEqual(watch.judge(files(...['a.torn-0'])).unacknowledged, ['a.torn-0']);
  });

  it('does not believe entries of another type', () => {
    const watch = watchRecovery();
    watch.see({ type: 'custom', metadata: { acknowledges: 'a.torn-0' } });
    assert.deepEqual(watch.judge(files(...['a.torn-0'])).unacknowledged, ['a.torn-0']);
  });
});

describe('starts of the recorder', () => {
  const continues = { log: 'local', origin: 'vm/local', reason: 'a restore' };
  const started = (metadata: JsonObject) => ({ type: 'log.open', tenant_id: 'local', metadata });

  it('contradict a log.json that continues another log, or none, or is of another tenant', () => {
    const watch = watchOpenings();
    watch.see(started({ continues }));
    watch.see({ type: 'custom', metadata: {} });
    assert.equal(watch.differs({ tenant: 'local', continues: { ...continues, reason: 'said' } }), undefined);
    assert.match(watch.differs({ tenant: 'other', continues }) ?? '', /tenant/);
    assert.match(watch.differs({ tenant: 'local' }) ?? '', /does not continue/);
    const forged = { ...continues, log: 'local@2' };
    assert.match(watch.differs({ tenant: 'local', continues: forged }) ?? '', /does not continue/);
  });

  it('contradict a log.json that says another time, and nothing when none of them tells', () => {
    const watch = watchOpenings();
    watch.see(started({}));
    assert.equal(watch.differs({ tenant: 'local', created: '2020-01-01T00:00:00.000Z' }), undefined);
    watch.see(started({ created: '2026-01-01T00:00:00.000Z' }));
    assert.equal(watch.differs({ tenant: 'local', created: '2026-01-01T00:00:00.000Z' }), undefined);
    assert.match(watch.differs({ tenant: 'local', created: '2020-01-01T00:00:00.000Z' }) ?? '', /created/);
    assert.match(watch.differs({ tenant: 'local' }) ?? '', /created/);
  });
});

describe('policy snapshots', () => {
  const announced = (hash: string) => ({ type: 'policy.snapshot', metadata: { hash } });

  it('are altered when the bytes do not have the hash of the name, missing when announced and not there', () => {
    const watch = watchSnapshots();
    for (const hash of ['aa', 'bb']) watch.see(announced(hash));
    watch.see({ type: 'custom', metadata: { hash: 'cc' } });
    assert.deepEqual(
      watch.judge(
        new Map([
          ['aa', 'aa'],
          ['bb', 'bb'],
        ]),
      ),
      { status: 'pass', altered: [], missing: [] },
    );
    assert.deepEqual(watch.judge(new Map([['aa', 'aa']])), {
      status: 'fail',
      altered: [],
      missing: ['bb'],
    });
    assert.deepEqual(watch.judge(new Map([['aa', 'xx']])), {
      status: 'fail',
      altered: ['aa'],
      missing: ['bb'],
    });
  });
});
