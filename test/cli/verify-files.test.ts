/** What `tally verify` says of the files around the entries: their names, log.json, torn tails, the remembered head. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Home, makeHome } from '../support/home.ts';
import { recordNotes } from '../support/notes.ts';

interface Report {
  integrity: { status: string; note?: string };
  append_only: { status: string };
  recovery: { status: string; altered: string[]; missing: string[]; empty: string[] };
  log_json?: string;
}

const FIRST = 'entries/000000000000.jsonl';

describe('tally verify of the files around the entries', () => {
  let home: Home;
  let log: string;
  let copies = 0;
  before(async () => {
    home = await makeHome();
    log = join(home.paths.logs, 'local');
    await recordNotes(home, 300);
    await writeFile(join(log, FIRST), '{"half":"a li', { flag: 'a' });
    await recordNotes(home, 1);
  });
  after(() => home.remove());

  async function judged(args: readonly string[] = []) {
    const { code, stdout } = await home.tally(['verify', '--json', ...args]);
    return { code, report: JSON.parse(stdout) as Report };
  }

  async function changed(change: (directory: string) => Promise<void>) {
    const directory = join(home.directory, `copy-${copies++}`);
    await cp(log, directory, { recursive: true });
    await change(directory);
    return judged(['--dir', directory]);
  }

  const editInfo = (change: object) => async (directory: string) => {
    const file = join(directory, 'log.json');
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...change }));
  };

  it('passes them as they were written', async () => {
    const { code, report } = await changed(async () => undefined);
    assert.deepEqual([code, report.integrity.status, report.recovery.status], [0, 'pass', 'incomplete']);
  });

  it('shows a segment that was renamed, or split where none may start', async () => {
    const renamed = await changed((directory) =>
      rename(join(directory, FIRST), join(directory, 'entries/000000000007.jsonl')),
    );
    assert.deepEqual([renamed.code, renamed.report.integrity.status], [6, 'fail']);
    assert.match(renamed.report.integrity.note ?? '', /000000000007\.jsonl begins with entry 0/);
    const split = await changed(async (directory) => {
      const lines = (await readFile(join(directory, FIRST), 'utf8')).split('\n');
      await writeFile(join(directory, FIRST), `${lines.slice(0, 300).join('\n')}\n`);
      await writeFile(join(directory, 'entries/000000000300.jsonl'), lines.slice(300).join('\n'));
    });
    assert.equal(split.code, 6);
    assert.match(split.report.integrity.note ?? '', /000000000300\.jsonl is named by no multiple/);
  });

  it('shows segments as no crash leaves them, although every entry is there: a start would refuse some', async () => {
    const SECOND = 'entries/000000000256.jsonl';
    const split = (at: (bytes: Buffer, second: number) => number) => async (directory: string) => {
      const bytes = await readFile(join(directory, FIRST));
      const lines = bytes.toString('utf8').split('\n').slice(0, 256).join('\n');
      const place = at(bytes, Buffer.byteLength(lines) + 1);
      await writeFile(join(directory, FIRST), bytes.subarray(0, place));
      await writeFile(join(directory, SECOND), bytes.subarray(place));
    };
    const empty = (name: string) => (directory: string) =>
      writeFile(join(directory, 'entries', name), new Uint8Array(0));
    assert.equal((await changed(split((_, second) => second))).code, 0);
    const cases: readonly (readonly [RegExp, (directory: string) => Promise<void>])[] = [
      [/0000\.jsonl ends inside a line/, split((_, second) => second - 1)],
      [/0000\.jsonl ends inside a line/, split((_, second) => second + 9)],
      [/0256\.jsonl is empty, and the entry before it is \d+/, empty('000000000256.jsonl')],
      [/1024\.jsonl is empty, and the entry before it is \d+/, empty('000000001024.jsonl')],
      [/0000\.jsonl is empty, and another segment comes after it/, split(() => 0)],
      [/0000\.jsonl\.zst lies beside the newest segment/, empty('000000000000.jsonl.zst')],
    ];
    for (const [why, change] of cases) {
      const { code, report } = await changed(change);
      assert.deepEqual([code, report.integrity.status], [6, 'fail'], String(why));
      assert.match(report.integrity.note ?? '', why);
    }
  });

  it('neither waits for a pipe nor reads a device on and on under the name of a file of the log', async () => {
    for (const name of ['000000000000.jsonl.torn-7', '000000000512.jsonl', '000000000512.jsonl.zst']) {
      const pipe = await changed(async (directory) => {
        execFileSync('mkfifo', [join(directory, 'entries', name)]);
      });
      assert.equal(pipe.code, 0, name);
      const device = await changed((directory) => symlink('/dev/zero', join(directory, 'entries', name)));
      assert.equal(device.code, 0, name);
    }
    const instead = await changed(async (directory) => {
      await rm(join(directory, FIRST));
      await symlink('/dev/zero', join(directory, FIRST));
    });
    assert.deepEqual([instead.code, instead.report.integrity.status], [6, 'fail']);
  });

  it('shows a log.json that continues a log which no start cites, or names another tenant', async () => {
    const continues = { log: 'other', origin: 'vm/other', reason: 'forged' };
    for (const change of [{ continues }, { tenant: 'other' }]) {
      const { code, report } = await changed(editInfo(change));
      assert.equal(code, 6);
      assert.match(report.log_json ?? '', /log\.json/);
    }
  });

  it('shows a torn file that was altered or taken away, and leaves an empty one be', async () => {
    const altered = await changed((directory) =>
      writeFile(join(directory, `${FIRST}.torn-0`), '{"half":"a lj'),
    );
    assert.deepEqual([altered.code, altered.report.recovery.altered.length], [6, 1]);
    const gone = await changed((directory) => rm(join(directory, `${FIRST}.torn-0`)));
    assert.deepEqual([gone.code, gone.report.recovery.missing.length], [6, 1]);
    const empty = await changed((directory) => writeFile(join(directory, `${FIRST}.torn-1`), ''));
    assert.deepEqual([empty.code, empty.report.recovery.empty.length], [0, 1]);
  });

  it('could not find out whether the log was rolled back when its key is remembered and its head is not', async () => {
    const head = join(home.paths.heads, 'local/checkpoint');
    await rename(head, join(home.directory, 'kept'));
    try {
      const { code, report } = await judged();
      assert.deepEqual([code, report.append_only.status], [2, 'incomplete']);
      assert.match((await home.tally(['verify'])).stderr, /put heads\/<log>\/checkpoint back/);
    } finally {
      await rename(join(home.directory, 'kept'), head);
    }
    assert.equal((await judged()).code, 0);
  });
});
