/** What our witness remembers, and that nothing makes it forget: through its files, as they are and as they should not be. */
import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { sha256Hex } from '../../../src/core/hash.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import type { ObjectStore } from '../../../src/core/ports.ts';
import { cosignaturesOn, cosignatureVerifier } from '../../../src/core/tlog/cosignature.ts';
import { parseNote } from '../../../src/core/tlog/note.ts';
import { encodeAddCheckpoint, parseCosignatures } from '../../../src/core/tlog/witness-protocol.ts';
import { trustedLogs, trustLog } from '../../../src/server/witness/logs.ts';
import { createWitness, type Witness, type WitnessEvent } from '../../../src/server/witness/witness.ts';
import { fileObjects } from '../../../src/store/file/objects.ts';
import { type GrownLog, growLog, makeCosigner, scratch, WITNESSED } from '../../support/witness.ts';

const log = growLog();
const cosigner = makeCosigner();
const name = sha256Hex(WITNESSED);

interface Opened extends Witness {
  readonly events: WitnessEvent[];
  /** The status, and what the body says. */
  ask(from: number, to: number, by?: GrownLog): Promise<readonly [number, string]>;
}

function open(files: ObjectStore, now: () => number = Date.now): Opened {
  const events: WitnessEvent[] = [];
  const witness = createWitness({ files, cosigner, now, onEvent: (event) => events.push(event) });
  return {
    ...witness,
    events,
    async ask(from, to, by = log) {
      const { note, consistencyFrom } = by.at(to);
      const { status, body } = await witness.add(
        encodeAddCheckpoint({ oldSize: from, proof: await consistencyFrom(Math.min(from, to)), note }),
      );
      return [status, Buffer.from(body).toString()];
    },
  };
}

async function directory(t: TestContext): Promise<{ path: string; files: ObjectStore }> {
  const path = await scratch(t);
  const files = fileObjects(path);
  await trustLog(files, log.signer.vkey);
  return { path, files };
}

describe('our witness', () => {
  it('cosigns what continues the last, once or again, with the time of its clock', async (t) => {
    const { files } = await directory(t);
    let now = 1_700_000_000_999;
    const witness = open(files, () => now);
    for (const [from, to] of [
      [0, 4],
      [4, 9],
      [9, 9],
    ] as const) {
      const [status, body] = await witness.ask(from, to);
      assert.equal(status, 200);
      const signatures = parseCosignatures(Buffer.from(body)) ?? [];
      const text = parseNote(log.at(to).note).text;
      assert.deepEqual(cosignaturesOn({ text, signatures }, [cosignatureVerifier(cosigner.vkey)]).verified, [
        { name: cosigner.name, keyId: cosigner.keyId, time: Math.floor(now / 1000) },
      ]);
      now += 60_000;
    }
  });

  it('goes on after a restart from where it was', async (t) => {
    const { files } = await directory(t);
    assert.equal((await open(files).ask(0, 9))[0], 200);
    assert.deepEqual(await open(files).ask(0, 12), [409, '9\n']);
    assert.equal((await open(files).ask(9, 12))[0], 200);
    assert.equal((await open(files).ask(12, 12))[0], 200);
  });

  it('answers 404 for an unknown log, until that is trusted, and keeps nothing of it', async (t) => {
    const { path, files } = await directory(t);
    const witness = open(files);
    const other = growLog({ origin: 'other.example/x' });
    const before = await readdir(path, { recursive: true });
    assert.equal((await witness.ask(0, 3, other))[0], 404);
    assert.deepEqual(await readdir(path, { recursive: true }), before);
    assert.deepEqual(await trustLog(files, other.signer.vkey), { origin: 'other.example/x', added: true });
    assert.deepEqual(await trustLog(files, other.signer.vkey), { origin: 'other.example/x', added: false });
    assert.equal((await witness.ask(0, 3, other))[0], 200);
  });

  it('takes a second key of a log that changed its key, and keeps what it knows', async (t) => {
    const { files } = await directory(t);
    const witness = open(files);
    await witness.ask(0, 4);
    const rekeyed = growLog({ fill: 8 });
    assert.equal((await witness.ask(4, 6, rekeyed))[0], 403);
    await trustLog(files, rekeyed.signer.vkey);
    assert.equal((await witness.ask(4, 6, rekeyed))[0], 200);
    assert.equal((await trustedLogs(files))[0]?.vkeys.length, 2);
  });

  it('keeps the first checkpoint that proves a fork, and nothing for a proof that anyone could get wrong', async (t) => {
    const { path, files } = await directory(t);
    const witness = open(files);
    await witness.ask(0, 9);
    const forked = growLog({ fork: 3 });
    assert.equal((await witness.ask(9, 12, forked))[0], 422);
    assert.deepEqual(witness.events, []);
    for (let i = 0; i < 2; i++) assert.equal((await witness.ask(9, 9, forked))[0], 422);
    const file = `forks/${name}.note`;
    assert.deepEqual(witness.events[0], { kind: 'fork', origin: WITNESSED, size: 9, file });
    assert.deepEqual(await readFile(join(path, file)), Buffer.from(forked.at(9).note));
    // The log goes on, and the head with it; the pair that proves the fork stays.
    assert.equal((await witness.ask(9, 12))[0], 200);
    const beside = parseNote(await readFile(join(path, `forks/${name}.head.note`)));
    assert.equal(beside.text, parseNote(log.at(9).note).text);
    assert.equal(cosignaturesOn(beside, [cosignatureVerifier(cosigner.vkey)]).verified.length, 1);
  });

  it('takes its own checkpoint sent back with a wrong proof for no fork', async (t) => {
    const { path, files } = await directory(t);
    const witness = open(files);
    await witness.ask(0, 9);
    const { note } = log.at(9);
    const wrong = encodeAddCheckpoint({ oldSize: 9, proof: [new Uint8Array(32)], note });
    assert.equal((await witness.add(wrong)).status, 422);
    assert.deepEqual(witness.events, []);
    assert.ok(!(await readdir(path)).includes('forks'));
  });

  it('lets one of two requests for the same step win, and sends the other away with 409', async (t) => {
    const { files } = await directory(t);
    const witness = open(files);
    const forked = growLog({ fork: 0 });
    const answers = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((i) => witness.ask(0, 10 + i, i % 2 === 0 ? log : forked)),
    );
    assert.deepEqual(answers.map(([status]) => status).sort(), [200, 409, 409, 409, 409, 409]);
    const winner = answers.findIndex(([status]) => status === 200) + 11;
    for (const [status, body] of answers) if (status === 409) assert.equal(body, `${winner}\n`);
  });

  it('sends requests away beyond those that may wait for one log', async (t) => {
    const { files } = await directory(t);
    const witness = open(files);
    const many = await Promise.all(
      Array.from({ length: LIMITS.witnessWaiting + 20 }, () => witness.ask(0, 5)),
    );
    const statuses = many.map(([status]) => status);
    assert.equal(statuses.filter((status) => status === 503).length, 20);
    assert.equal(statuses.filter((status) => status === 200).length, 1);
    assert.equal((await witness.ask(5, 5))[0], 200);
  });

  it('keeps its files to itself', async (t) => {
    const { path, files } = await directory(t);
    await open(files).ask(0, 5);
    for (const file of await readdir(path, { recursive: true })) {
      const { mode } = await stat(join(path, file));
      assert.equal(mode & 0o077, 0, file);
    }
  });

  it('shows its key, its logs and their sizes, and which it does not cosign any more', async (t) => {
    const { path, files } = await directory(t);
    const witness = open(files);
    await witness.ask(0, 5);
    const page = async (w: Witness): Promise<string> => Buffer.from((await w.page()).body).toString();
    assert.match(await page(witness), new RegExp(`vkey {2}${cosigner.vkey.replaceAll('+', '\\+')}\n`));
    assert.match(await page(witness), /log\.example\/local {2}size 5\n/);
    await rm(join(path, 'seen', name));
    assert.match(await page(open(files)), /log\.example\/local {2}not cosigned: its state is damaged\n/);
  });

  it('makes its page once for all who ask meanwhile: with many logs it is dear', async (t) => {
    const { files } = await directory(t);
    let listed = 0;
    const counting: ObjectStore = {
      ...files,
      list(prefix) {
        listed++;
        return files.list(prefix);
      },
    };
    const witness = open(counting);
    const pages = await Promise.all(Array.from({ length: 20 }, () => witness.page()));
    assert.equal(new Set(pages.map(({ body }) => Buffer.from(body).toString())).size, 1);
    assert.equal(listed, 1);
    await witness.page();
    assert.equal(listed, 2);
  });
});

describe('a state', () => {
  const head = `heads/${name}.note`;
  const seen = `seen/${name}`;

  /** Cosigned up to 5, backed up, and on to 9; then what `harm` does; then a new start. */
  async function after(
    t: TestContext,
    harm: (path: string, backup: string) => Promise<void>,
  ): Promise<Opened> {
    const { path, files } = await directory(t);
    const witness = open(files);
    await witness.ask(0, 5);
    const backup = await scratch(t);
    await copyFile(join(path, head), join(backup, 'head'));
    await copyFile(join(path, seen), join(backup, 'seen'));
    await witness.ask(5, 9);
    await harm(path, backup);
    return open(files);
  }

  async function refuses(witness: Opened): Promise<void> {
    for (const [from, to] of [
      [0, 3],
      [0, 9],
      [5, 12],
      [9, 12],
      [9, 9],
    ] as const) {
      const [status, body] = await witness.ask(from, to);
      assert.equal(status, 500, `${from} to ${to}: ${body}`);
      assert.doesNotMatch(body, /—/);
    }
    const event = witness.events[0];
    assert.ok(event?.kind === 'failure');
    assert.match(String(event.error), /does not cosign log\.example\/local/);
  }

  const harms: Readonly<Record<string, (path: string, backup: string) => Promise<void>>> = {
    'whose head is gone': (path) => rm(join(path, head)),
    'whose heads are gone': (path) => rm(join(path, 'heads'), { recursive: true }),
    'whose record of what was seen is gone': (path) => rm(join(path, seen)),
    'that is gone': async (path) => {
      await rm(join(path, 'heads'), { recursive: true });
      await rm(join(path, 'seen'), { recursive: true });
    },
    'whose head was put back from a backup': (path, backup) =>
      copyFile(join(backup, 'head'), join(path, head)),
    'whose head is empty': (path) => writeFile(join(path, head), ''),
    'whose record of what was seen is empty': (path) => writeFile(join(path, seen), ''),
    'whose record of what was seen is of another form': (path) => writeFile(join(path, seen), '09 x\n'),
    'whose two records differ at one size': (path) =>
      writeFile(join(path, seen), `9 ${Buffer.from(log.root(8)).toString('base64')}\n`),
    'whose head is of another log': async (path) => {
      const other = growLog({ origin: 'other.example/x' });
      const files = fileObjects(path);
      await trustLog(files, other.signer.vkey);
      await open(files).ask(0, 9, other);
      await copyFile(join(path, `heads/${sha256Hex('other.example/x')}.note`), join(path, head));
    },
    'whose head another key cosigned': async (path) => {
      const note = log.at(20).note;
      await writeFile(
        join(path, head),
        Buffer.concat([note, Buffer.from('— witness.example/w2 AAAAAAAA\n')]),
      );
    },
  };
  for (const [what, harm] of Object.entries(harms)) {
    it(`${what} stops the witness from cosigning that log`, async (t) => refuses(await after(t, harm)));
  }

  it('with any byte of its head changed stops the witness, or is the same state', async (t) => {
    const { path, files } = await directory(t);
    await open(files).ask(0, 9);
    const good = await readFile(join(path, head));
    for (let at = 0; at < good.length; at += 3) {
      const changed = Buffer.from(good);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await writeFile(join(path, head), changed);
      const [status, body] = await open(files).ask(0, 4);
      // The log's own signature is not what the witness trusts in here.
      if (status !== 500) assert.deepEqual([status, body], [409, '9\n'], `byte ${at}`);
    }
  });

  it('of any bytes stops the witness, or is the state that was written', async (t) => {
    const { path, files } = await directory(t);
    await open(files).ask(0, 9);
    const good = {
      [head]: await readFile(join(path, head)),
      [seen]: await readFile(join(path, seen)),
      [`logs/${name}.json`]: await readFile(join(path, `logs/${name}.json`)),
    };
    const piece = fc.constantFrom(
      '0 ',
      '9 ',
      '12 ',
      '\n',
      '\n\n',
      '— ',
      WITNESSED,
      '{"origin":',
      '"vkeys":[]}',
      ' ',
      'AAAA',
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.from(pieces.join(''))),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(good)), bytes, async (file, content) => {
        await writeFile(join(path, file), content);
        const [status] = await open(files).ask(0, 12);
        await writeFile(join(path, file), good[file] ?? '');
        assert.equal(status, 500);
      }),
      { numRuns: 150 },
    );
    assert.deepEqual(await open(files).ask(0, 12), [409, '9\n']);
  });

  it('that was lost is not begun again by trusting the log once more', async (t) => {
    const witness = await after(t, async (path) => {
      await rm(join(path, 'heads'), { recursive: true });
      await rm(join(path, 'logs'), { recursive: true });
      await trustLog(fileObjects(path), log.signer.vkey);
    });
    await refuses(witness);
  });

  it('is not taken from a record of trust that belongs to another log', async (t) => {
    const { path, files } = await directory(t);
    const other = growLog({ origin: 'other.example/x' });
    await trustLog(files, other.signer.vkey);
    await copyFile(join(path, `logs/${sha256Hex('other.example/x')}.json`), join(path, `logs/${name}.json`));
    const witness = open(files);
    assert.equal((await witness.ask(0, 3))[0], 500);
    assert.equal((await witness.ask(0, 3, other))[0], 200);
    await assert.rejects(trustedLogs(files), /is damaged/);
  });

  it('of one log that is damaged does not stop the others', async (t) => {
    const { path, files } = await directory(t);
    const other = growLog({ origin: 'other.example/x' });
    await trustLog(files, other.signer.vkey);
    await rm(join(path, seen));
    const witness = open(files);
    assert.equal((await witness.ask(0, 3))[0], 500);
    assert.equal((await witness.ask(0, 3, other))[0], 200);
  });

  it('written half before a crash counts as the newer, and is made whole', async (t) => {
    const witness = await after(t, (path, backup) => copyFile(join(backup, 'seen'), join(path, seen)));
    assert.deepEqual(await witness.ask(5, 12), [409, '9\n']);
    assert.equal((await witness.ask(9, 12))[0], 200);
  });
});

describe('a disk that fails', () => {
  /** Fails the `nth` write from now on, before or after it happened, and works again then. */
  function failing(files: ObjectStore, nth: number, kind: 'write lost' | 'reply lost'): ObjectStore {
    let writes = 0;
    return {
      ...files,
      async put(...args) {
        if (writes++ !== nth) return files.put(...args);
        if (kind === 'reply lost') await files.put(...args);
        throw new Error('injected fault');
      },
    };
  }

  for (const kind of ['write lost', 'reply lost'] as const) {
    it(`(${kind}) gives no cosignature, and afterwards never one of a fork`, async (t) => {
      for (let nth = 0; nth < 6; nth++) {
        const { files } = await directory(t);
        assert.equal((await open(files).ask(0, 5))[0], 200);
        const witness = open(failing(files, nth, kind));
        const forked = growLog({ fork: 5 });
        const given: string[] = [];
        for (const [by, who] of [
          [log, 'log'],
          [forked, 'fork'],
          [forked, 'fork'],
          [log, 'log'],
        ] as const) {
          for (const from of [5, 9]) {
            const [status] = await witness.ask(from, 9, by);
            if (status === 200) given.push(who);
          }
        }
        assert.equal(new Set(given).size, 1, `write ${nth}: ${given.join(' ')}`);
        assert.ok(witness.events.some(({ kind: event }) => event === 'failure') || nth >= 4);
        // And after a restart from the same disk.
        const [winner, loser] = given[0] === 'log' ? [log, forked] : [forked, log];
        assert.equal((await open(files).ask(9, 9, winner))[0], 200);
        assert.equal((await open(files).ask(9, 9, loser))[0], 422);
      }
    });
  }

  it('is read again after a write that failed: what it holds by then counts', async (t) => {
    const { files } = await directory(t);
    await open(files).ask(0, 5);
    // The first two writes make the state durable again, the third one is the new head.
    const witness = open(failing(files, 2, 'reply lost'));
    assert.equal((await witness.ask(5, 9))[0], 500);
    assert.deepEqual(await witness.ask(5, 9), [409, '9\n']);
    assert.equal((await witness.ask(9, 9))[0], 200);
  });
});
