/**
 * The attacks of docs/threat-model.md, by their numbers: each is carried out on a machine of its own, and the verdict
 * that the table names has to catch it.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isTallyError } from '../../src/core/error.ts';
import { makeKeyPair, type Signer, signerFromSkey } from '../../src/core/tlog/key.ts';
import { openSession, type Session } from '../../src/open.ts';
import { locate } from '../../src/paths.ts';
import type { Client } from '../../src/recorder/ops.ts';
import { openFileStore } from '../../src/store/file/store.ts';
import {
  checkpointOf,
  declareKeys,
  fileIn,
  readEntries,
  readSigner,
  signAnew,
  writeEntries,
} from '../support/forge.ts';
import { type Home, makeHome } from '../support/home.ts';

const SEGMENT = 256;
/** Inside the first, sealed segment. */
const EDITED = 40;
const REFUSED = /^(LOG_DAMAGED|LOG_ROLLED_BACK)$/;

interface Verdict {
  readonly status: string;
  readonly first_bad?: number;
  readonly note?: string;
}

interface Verdicts {
  readonly entries: number;
  readonly exit_code: number;
  readonly integrity: Verdict;
  readonly chain: Verdict;
  readonly append_only: Verdict;
  readonly signatures: Verdict;
  readonly completeness: Verdict;
  readonly payloads: Verdict;
  readonly snapshots?: Verdict;
}

/** A copy of the machine, for one attack. */
interface Copy {
  readonly state: string;
  readonly log: string;
  readonly heads: string;
  /** The machine verifies its own log. */
  verify(...args: readonly string[]): Promise<Verdicts>;
  /** Whether the recorder starts; its error code otherwise. */
  start(): Promise<string>;
}

describe('an attack of the threat model:', () => {
  let home: Home;
  let first: string;
  let origin: string;
  /** Checkpoint of 300 entries, before the rotation, kept elsewhere. */
  let kept: string;
  /** The whole state at that time. */
  let backup: string;
  let copies = 0;

  const open = (client: Client = { surface: 'sdk' }): Promise<Session> =>
    openSession({
      paths: home.paths,
      client,
      onWarning: () => undefined,
      require: 'writer',
      segmentEntries: SEGMENT,
    });

  async function notes(session: Session, count: number): Promise<void> {
    const event = { type: 'step.note', phase: 'point', metadata: { amount: 100 } } as const;
    await Promise.all(Array.from({ length: count }, () => session.ask('record', { event })));
  }

  before(async () => {
    home = await makeHome();
    backup = join(home.directory, 'backup');
    kept = join(home.directory, 'kept.checkpoint');
    const early = await open();
    await notes(early, 300);
    await early.close();
    await cp(home.paths.state, backup, { recursive: true });
    await cp(join(home.paths.logs, 'local/checkpoint'), kept);
    first = (await readFile(join(home.paths.heads, 'local/vkey'), 'utf8')).trim();
    origin = first.slice(0, first.indexOf('+'));

    const late = await open();
    const text = 'the text that a payload holds';
    await late.ask('record', {
      event: {
        type: 'model.call',
        phase: 'point',
        payload: { media_type: 'text/plain', class: 'prompt', data: text },
      },
    });
    await late.ask('key.rotate', { reason: 'a year has passed' });
    await notes(late, 300);
    await late.close();
    // The sealing of what became full at the end is caught up with at the next start.
    const again = await open();
    await notes(again, 1);
    await again.ask('checkpoint', {});
    await sealed(join(home.paths.logs, 'local'));
    await again.close();
  });
  after(() => home.remove());

  async function sealed(log: string): Promise<string> {
    for (let tries = 0; tries < 500; tries++) {
      const names = await readdir(join(log, 'entries'));
      if (names.includes('000000000000.jsonl.zst') && !names.includes('000000000000.jsonl')) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return fileIn(join(log, 'entries'), '.jsonl.zst');
  }

  async function copy(from = home.paths.state): Promise<Copy> {
    const state = join(home.directory, `copy-${copies++}`);
    await cp(from, state, { recursive: true });
    const env = { TALLY_HOME: state };
    return {
      state,
      log: join(state, 'logs/local'),
      heads: join(state, 'heads/local'),
      async verify(...args) {
        const done = await home.tally(['verify', '--json', ...args], { env });
        assert.ok(done.stdout.startsWith('{'), `${done.stdout}${done.stderr}`);
        const verdicts = JSON.parse(done.stdout) as Verdicts;
        assert.equal(verdicts.exit_code, done.code, done.stdout);
        return verdicts;
      },
      async start() {
        const paths = locate({ env: { ...home.env, ...env }, home: state, tmp: state, uid: 0 });
        try {
          const session = await openSession({
            paths,
            client: { surface: 'cli' },
            onWarning: () => undefined,
            require: 'writer',
            segmentEntries: SEGMENT,
          });
          await session.close();
          return 'starts';
        } catch (error) {
          if (isTallyError(error)) return error.code;
          throw error;
        }
      },
    };
  }

  const edit = (lines: readonly string[], at = EDITED): string[] =>
    lines.with(at, (lines[at] ?? '').replace('"amount":100', '"amount":999'));

  async function edited(machine: Copy, change: (lines: string[]) => readonly string[]): Promise<void> {
    await writeEntries(machine.log, change(await readEntries(machine.log)), SEGMENT);
  }

  /** Everything made again and remembered as if it had always been so. */
  async function rewriteHistory(machine: Copy, signer: Signer): Promise<void> {
    const note = await signAnew(machine.log, edit(await readEntries(machine.log)), [signer], SEGMENT);
    await rm(join(machine.log, 'keys'), { recursive: true, force: true });
    await rm(machine.heads, { recursive: true });
    await mkdir(machine.heads, { recursive: true });
    await declareKeys(machine.log, [{ vkey: signer.vkey, from: 0 }]);
    await writeFile(join(machine.heads, 'checkpoint'), note);
    await writeFile(join(machine.heads, 'vkey'), `${signer.vkey}\n`);
  }

  const currentKey = (machine: Copy): Promise<Signer> => readSigner(join(machine.state, 'keys/local.key'));
  const ownKey = (): Signer => signerFromSkey(makeKeyPair(origin, randomBytes(32)).skey);

  it('0: none, and everything holds, from the first key too', async () => {
    const machine = await copy();
    assert.equal((await machine.verify()).exit_code, 0);
    assert.equal((await machine.verify('--key', first, '--head', kept)).exit_code, 0);
    assert.equal(await machine.start(), 'starts');
  });

  it('1: a byte of an entry is altered', async () => {
    for (const index of [EDITED, 255, 256, 590]) {
      const machine = await copy();
      await edited(machine, (lines) => edit(lines, index));
      const verdicts = await machine.verify();
      assert.equal(verdicts.exit_code, 6);
      assert.equal(verdicts.integrity.first_bad, index);
    }
    const newest = await copy();
    await edited(newest, (lines) => edit(lines, 590));
    assert.equal(await newest.start(), 'LOG_DAMAGED');
  });

  it('2: entries are removed, inserted, swapped or renumbered', async () => {
    const changes: readonly (readonly [number, (lines: string[]) => readonly string[]])[] = [
      [70, (lines) => lines.toSpliced(70, 1)],
      [70, (lines) => lines.toSpliced(70, 0, lines[10] ?? '')],
      [70, (lines) => lines.with(70, lines[71] ?? '').with(71, lines[70] ?? '')],
      [70, (lines) => lines.with(70, (lines[70] ?? '').replace('"index":70', '"index":71'))],
    ];
    for (const [index, change] of changes) {
      const machine = await copy();
      await edited(machine, change);
      const verdicts = await machine.verify();
      assert.equal(verdicts.exit_code, 6);
      assert.equal(verdicts.integrity.first_bad, index);
      assert.equal(verdicts.chain.status, 'fail');
    }
  });

  it('3: the tail is cut, together with the newest checkpoint', async () => {
    const machine = await copy();
    await edited(machine, (lines) => lines.slice(0, 300));
    await cp(kept, join(machine.log, 'checkpoint'));
    const verdicts = await machine.verify();
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.append_only.status, 'fail');
    assert.match(verdicts.append_only.note ?? '', /local/);
    assert.match(await machine.start(), REFUSED);
  });

  it('4: the tail that is not signed yet is altered', async () => {
    // As a crash leaves it: the entries are there, checkpoint and head are those of before.
    const machine = await copy(backup);
    const text = await readFile(join(machine.log, 'entries/000000000256.jsonl'), 'utf8');
    await writeFile(
      join(machine.log, 'entries/000000000256.jsonl'),
      `${text}{"index":302,"prev":"nothing that fits","type":"step.note"}\n`,
    );
    assert.equal((await machine.verify()).chain.status, 'fail');
    assert.equal(await machine.start(), 'starts');
    const verdicts = await machine.verify('--completeness');
    assert.equal(verdicts.exit_code, 7);
    assert.equal(verdicts.completeness.status, 'incomplete');
  });

  it('5: a segment is replaced by one whose hashes were made again', async () => {
    const machine = await copy();
    const checkpoint = await readFile(join(machine.log, 'checkpoint'));
    await signAnew(machine.log, edit(await readEntries(machine.log)), [ownKey()], SEGMENT);
    await writeFile(join(machine.log, 'checkpoint'), checkpoint);
    const verdicts = await machine.verify();
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.integrity.status, 'fail');
  });

  it('6: a sealed segment is damaged or replaced', async () => {
    const damaged = await copy();
    const file = await sealed(damaged.log);
    const bytes = await readFile(file);
    bytes.writeUInt8(bytes.readUInt8(2000) ^ 0xff, 2000);
    await writeFile(file, bytes);
    const verdicts = await damaged.verify();
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.integrity.first_bad, 0);

    const replaced = await copy();
    // Another log's segment: whole, chained, and of as many entries.
    const other = join(replaced.state, 'other');
    await cp(replaced.log, other, { recursive: true });
    await signAnew(other, edit(await readEntries(other)), [ownKey()], SEGMENT);
    await (await openFileStore(other)).seal(0);
    await cp(await sealed(other), await sealed(replaced.log));
    assert.equal((await replaced.verify()).exit_code, 6);
  });

  it('7: the history is made again and signed with another key', async () => {
    const machine = await copy();
    const signer = ownKey();
    await signAnew(machine.log, edit(await readEntries(machine.log)), [signer], SEGMENT);
    await declareKeys(machine.log, [{ vkey: signer.vkey, from: 0 }]);
    const verdicts = await machine.verify();
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.signatures.status, 'fail');
    assert.match(await machine.start(), REFUSED);
  });

  it('8: every checkpoint is dropped, and the history signed again with the key of today', async () => {
    const machine = await copy();
    const signer = await currentKey(machine);
    await signAnew(machine.log, edit(await readEntries(machine.log)), [signer], SEGMENT);
    const verdicts = await machine.verify();
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.append_only.status, 'fail');
    assert.match(await machine.start(), REFUSED);
  });

  it('9: the same, and everything that was remembered is rewritten too: the erased key does not come back', async () => {
    const machine = await copy();
    await rewriteHistory(machine, await currentKey(machine));
    assert.equal((await machine.verify()).exit_code, 0, 'the limit that the threat model states');
    const verdicts = await machine.verify('--key', first);
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.signatures.status, 'fail');
    assert.equal((await machine.verify('--head', kept)).append_only.status, 'fail');
  });

  it('10: an old checkpoint is called a rotation to a key of their own', async () => {
    const machine = await copy();
    const signer = ownKey();
    const lines = await readEntries(machine.log);
    const size = Number((await readFile(kept, 'utf8')).split('\n')[1]);
    await signAnew(
      machine.log,
      [...lines.slice(0, size), ...edit(lines, 400).slice(size)],
      [signer],
      SEGMENT,
    );
    // The real signature of the first key, with one of their own under it.
    const [text, honest] = (await readFile(kept, 'utf8')).split('\n\n');
    const added = Buffer.from(checkpointOf(origin, lines, size, [signer]))
      .toString('utf8')
      .split('\n\n')[1];
    await rm(join(machine.log, 'keys'), { recursive: true });
    await mkdir(join(machine.log, 'keys'));
    await writeFile(join(machine.log, 'keys', `${size}.note`), `${text}\n\n${honest}${added}`);
    await declareKeys(machine.log, [
      { vkey: first, from: 0 },
      { vkey: signer.vkey, from: size },
    ]);
    const verdicts = await machine.verify('--dir', machine.log, '--key', first);
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.signatures.status, 'fail');
  });

  it('11: the backup of last week is put back', async () => {
    const machine = await copy();
    await rm(machine.log, { recursive: true });
    await cp(join(backup, 'logs/local'), machine.log, { recursive: true });
    const verdicts = await machine.verify();
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.append_only.status, 'fail');
    assert.match(await machine.start(), REFUSED);
  });

  it('13: the checkpoint, the remembered head or the remembered key is removed', async () => {
    for (const path of ['logs/local/checkpoint', 'heads/local/checkpoint', 'heads/local/vkey']) {
      const machine = await copy();
      await rm(join(machine.state, path));
      assert.notEqual((await machine.verify()).exit_code, 0, path);
      assert.match(await machine.start(), REFUSED, path);
    }
  });

  it('13: all entries are removed with the checkpoint and the remembered head, to begin anew with the same key', async () => {
    const machine = await copy(backup);
    for (const path of ['logs/local/entries', 'logs/local/checkpoint', 'heads/local/checkpoint'])
      await rm(join(machine.state, path), { recursive: true });
    assert.notEqual((await machine.verify()).exit_code, 0);
    assert.match(await machine.start(), REFUSED);
  });

  it('25: a directory is made that takes the place of the log', async () => {
    const empty = await copy();
    await mkdir(join(empty.state, 'logs/local@2'));
    const { exit_code, entries } = await empty.verify();
    assert.deepEqual([exit_code, entries], [0, (await (await copy()).verify()).entries]);

    const begun = await copy();
    await mkdir(join(begun.state, 'logs/local@2'));
    await cp(join(begun.log, 'log.json'), join(begun.state, 'logs/local@2/log.json'));
    assert.match(await begun.start(), REFUSED);
    const { code, stderr } = await home.tally(['verify'], { env: { TALLY_HOME: begun.state } });
    assert.equal(code, 6, stderr);
    assert.match(stderr, /never began a log in it/);
  });

  it('14: an encrypted payload is altered or removed while its entry stands', async () => {
    const altered = await copy();
    const pack = await fileIn(join(altered.log, 'packs'), '.pack');
    const bytes = await readFile(pack);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await writeFile(pack, bytes);
    assert.equal((await altered.verify()).exit_code, 6);

    const removed = await copy();
    await rename(await fileIn(join(removed.log, 'packs'), '.pack'), join(removed.state, 'gone'));
    const verdicts = await removed.verify();
    assert.equal(verdicts.exit_code, 6);
    assert.equal(verdicts.payloads.status, 'fail');
  });

  it('15: a policy that the log tells of is altered or removed', async () => {
    const altered = await copy();
    const policy = await fileIn(join(altered.log, 'policies'), '.json');
    await writeFile(policy, (await readFile(policy, 'utf8')).replace('{', '{ '));
    assert.equal((await altered.verify()).snapshots?.status, 'fail');

    const removed = await copy();
    await rm(await fileIn(join(removed.log, 'policies'), '.json'));
    assert.equal((await removed.verify()).exit_code, 6);
  });

  it('20: a client writes an entry that only the recorder writes', async () => {
    const reserved = [
      'key.rotate',
      'log.recover',
      'policy.snapshot',
      'token.issue',
      'approval.grant',
      'anchor.ok',
    ];
    const session = await open();
    try {
      for (const type of reserved) {
        const event = { type, phase: 'point', metadata: { old: first, new: ownKey().vkey } } as const;
        await assert.rejects(session.ask('record', { event }), isTallyError, type);
      }
      const { index } = await session.ask('record', {
        event: { type: 'step.note', phase: 'point', source: { surface: 'server', assurance: 'enforced' } },
      });
      await session.ask('checkpoint', {});
      const entry = JSON.parse((await readEntries(join(home.paths.logs, 'local')))[index] ?? '');
      assert.equal(entry.source.assurance, 'self_reported');
      assert.equal(entry.source.surface, 'sdk');
    } finally {
      await session.close();
    }
  });
});
