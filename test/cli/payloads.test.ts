/** Payloads through the real command: recorded by a program, read by the operator, and held against their packs. */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import { openSession, type Session } from '../../src/open.ts';
import { type Home, makeHome } from '../support/home.ts';

const PACK = 'packs/000000000000.pack';

const event = (data: string, more: Partial<NonNullable<Event['payload']>> = {}): Event => ({
  type: 'tool.call',
  phase: 'point',
  run_id: 'run_1',
  payload: { media_type: 'text/plain', class: 'arguments', data, ...more },
});

describe('payloads', () => {
  let home: Home;
  /** Index of the entry with each payload. */
  const at: Record<string, number> = {};
  let copies = 0;

  const open = (): Promise<Session> =>
    openSession({
      paths: home.paths,
      client: { surface: 'sdk' },
      onWarning: () => undefined,
      payloads: { keep: { 'tool.call': { binary: 'full', arguments: 'redacted', digest: 'hash' } } },
    });

  before(async () => {
    home = await makeHome();
    const session = await open();
    const record = async (name: string, one: Event): Promise<void> => {
      at[name] = (await session.ask('record', { event: one })).index;
    };
    await record('text', event('line one\nline \u001b[31mtwo\u001b[0m ✓'));
    await record('card', event('4111 1111 1111 1111'));
    await record('long', event('y'.repeat(20_000)));
    await record('binary', event('AAH/', { class: 'binary', encoding: 'base64', media_type: 'image/png' }));
    await record('digest', event('only its hash', { class: 'digest' }));
    await record('none', { type: 'tool.call', phase: 'point' });
    await session.close();
  });
  after(() => home.remove());

  const show = (name: string, ...more: string[]) =>
    home.tally(['log', 'show', String(at[name]), '--payload', ...more]);

  /** A machine with the same state, changed. */
  async function changed(change: (state: string) => Promise<void>): Promise<Record<string, string>> {
    const state = join(home.directory, `copy-${copies++}`);
    await cp(home.paths.state, state, { recursive: true });
    await change(state);
    return { TALLY_HOME: state };
  }

  async function verdict(env: Record<string, string>, ...more: string[]) {
    const { stdout, code } = await home.tally(['verify', '--json', ...more], { env });
    return { code, payloads: JSON.parse(stdout).payloads };
  }

  it('prints what was kept, to a pipe exactly as it was', async () => {
    assert.deepEqual(await show('text'), {
      code: 0,
      stdout: 'line one\nline \u001b[31mtwo\u001b[0m ✓',
      stderr: '',
    });
    assert.match((await show('card')).stdout, /^\[REDACTED:/);
    assert.equal((await show('long')).stdout, 'y'.repeat(16_384));
  });

  it('tells a program of it beside the entry and its proof', async () => {
    const long = JSON.parse((await show('long', '--json')).stdout);
    assert.deepEqual(
      [long.payload.status, long.payload.truncated, long.payload.bytes],
      ['read', true, 16_384],
    );
    assert.equal(long.proof.state, 'published');
    assert.equal(long.entry.payload.data, undefined);
    assert.equal(JSON.parse((await show('binary', '--json')).stdout).payload.base64, 'AAH/');
    const digest = JSON.parse((await show('digest', '--json')).stdout);
    assert.equal(digest.payload.status, 'hash_only');
    assert.match(digest.entry.payload.hash, /^[0-9a-f]{64}$/);
  });

  it('says in the entry where its payload lies, or that only a hash was kept', async () => {
    const { stdout } = await home.tally(['log', 'show', String(at.long)]);
    assert.match(stdout, /^ +payload +arguments {2}text\/plain {2}truncated$/m);
    assert.match(stdout, /^ +sealed in 000000000000\.pack at \d+ {2}length 16429$/m);
    assert.match(stdout, new RegExp(`tally log show ${at.long} --payload prints it`));
    assert.match(
      (await home.tally(['log', 'show', String(at.digest)])).stdout,
      /only its hash was kept: [0-9a-f]{64}/,
    );
  });

  it('says why there is nothing to print', async () => {
    const none = await show('none');
    assert.deepEqual([none.code, none.stdout], [3, '']);
    assert.match(none.stderr, /has no payload/);
    assert.match((await show('digest')).stderr, /only a hash was kept/);
  });

  it('passes a log whose payloads are all there', async () => {
    const { code, payloads } = await verdict({});
    assert.deepEqual([code, payloads.status, payloads.cited, payloads.checked], [0, 'pass', 4, 4]);
    assert.equal(payloads.unreferenced_bytes, 0);
    assert.match((await home.tally(['verify'])).stdout, /^✓ payloads +4 of 4 /m);
    assert.match((await home.tally(['verify', '--completeness'])).stdout, /^✓ payloads +4 of 4 /m);
  });

  it('shows a payload that was edited while its entry stands, and does not print it', async () => {
    const env = await changed(async (state) => {
      const path = join(state, 'logs/local', PACK);
      const bytes = await readFile(path);
      bytes[20] = (bytes[20] ?? 0) ^ 1;
      await writeFile(path, bytes);
    });
    const { code, payloads } = await verdict(env);
    assert.deepEqual([code, payloads.status, payloads.altered, payloads.checked], [6, 'fail', [at.text], 3]);
    const { stdout, stderr } = await home.tally(['verify'], { env });
    assert.match(stdout, /^✗ payloads +altered while their entry stands: 1$/m);
    assert.match(stderr, /restore it from a backup/);
    const read = await home.tally(['log', 'show', String(at.text), '--payload'], { env });
    assert.deepEqual([read.code, read.stdout], [6, '']);
    assert.match(read.stderr, /not the payload that the entry cites/);
    const json = await home.tally(['log', 'show', String(at.text), '--payload', '--json'], { env });
    assert.deepEqual([json.code, JSON.parse(json.stdout).payload.status], [6, 'altered']);
  });

  it('shows packs that were cut, taken away, exchanged or turned into something else', async () => {
    const cut = await changed((state) => truncate(join(state, 'logs/local', PACK), 200));
    const short = await verdict(cut);
    assert.deepEqual([short.code, short.payloads.missing], [6, [at.long, at.binary]]);
    const gone = await changed((state) => rm(join(state, 'logs/local/packs'), { recursive: true }));
    const { code, payloads } = await verdict(gone);
    assert.deepEqual([code, payloads.missing_count, payloads.checked], [6, 4, 0]);
    const read = await home.tally(['log', 'show', String(at.text), '--payload'], { env: gone });
    assert.deepEqual([read.code, read.stdout], [6, '']);
    const swapped = await changed(async (state) => {
      const path = join(state, 'logs/local', PACK);
      await writeFile(path, (await readFile(path)).reverse());
    });
    assert.equal((await verdict(swapped)).payloads.altered_count, 4);
    const directory = await changed(async (state) => {
      await rm(join(state, 'logs/local', PACK));
      await mkdir(join(state, 'logs/local', PACK));
    });
    assert.equal((await verdict(directory)).code, 6);
  });

  it('does not take what a crash left in a pack for tampering', async () => {
    const env = await changed(async (state) => {
      await writeFile(join(state, 'logs/local', PACK), Buffer.alloc(77), { flag: 'a' });
      await writeFile(join(state, 'logs/local/packs/000000065536.pack'), 'never cited');
    });
    const { code, payloads } = await verdict(env);
    assert.deepEqual([code, payloads.status, payloads.unreferenced_bytes], [0, 'pass', 88]);
    assert.match((await home.tally(['verify'], { env })).stdout, /88 bytes that no entry cites/);
  });

  it('says of a copy without packs that they are not here, and of one with packs what they are', async () => {
    const copy = join(home.directory, 'bare');
    await cp(join(home.paths.logs, 'local'), copy, { recursive: true });
    assert.equal((await verdict({}, '--dir', copy)).payloads.status, 'pass');
    await rm(join(copy, 'packs'), { recursive: true });
    const { payloads } = await verdict({}, '--dir', copy);
    assert.deepEqual([payloads.status, payloads.cited, payloads.checked], ['neutral', 4, 0]);
    const text = await home.tally(['verify', '--dir', copy]);
    assert.match(text.stdout, /^– payloads +the packs are not here \(4 cited\)$/m);
    const read = await home.tally(['log', 'show', String(at.text), '--payload', '--dir', copy]);
    assert.equal(read.code, 3);
    assert.match(read.stderr, /no packs/);
  });

  it('tells a key that is not here from one that does not open', async () => {
    const lost = await changed((state) => rm(join(state, 'keys/data'), { recursive: true }));
    const missing = await home.tally(['log', 'show', String(at.text), '--payload'], { env: lost });
    assert.equal(missing.code, 3);
    assert.match(missing.stderr, /not on this machine: key_/);
    assert.equal((await verdict(lost)).code, 0);
    const other = await changed((state) =>
      writeFile(join(state, 'keys/local.master'), `${'0'.repeat(64)}\n`),
    );
    const unusable = await home.tally(['log', 'show', String(at.text), '--payload'], { env: other });
    assert.match(unusable.stderr, /does not open/);
    const none = await changed((state) => rm(join(state, 'keys/local.master')));
    assert.match(
      (await home.tally(['log', 'show', String(at.text), '--payload'], { env: none })).stderr,
      /does not open/,
    );
    const damaged = await changed(async (state) => {
      for (const name of await readdir(join(state, 'keys/data')))
        await writeFile(join(state, 'keys/data', name), '{}');
    });
    assert.match(
      (await home.tally(['log', 'show', String(at.text), '--payload'], { env: damaged })).stderr,
      /does not open/,
    );
  });

  it('takes an erased payload for erased, and its removal for no tampering', async () => {
    const session = await open();
    const { index } = await session.ask('record', { event: event('to be forgotten', { subject: 'jane' }) });
    const lines = (await readFile(join(home.paths.logs, 'local/entries/000000000000.jsonl'), 'utf8')).split(
      '\n',
    );
    const { payload } = JSON.parse(lines[index] ?? '');
    const erased = await session.recorder?.eraser.erase(
      { key_id: payload.key_id },
      { type: 'log.erase', phase: 'point', reason: 'asked for by its subject' },
    );
    await session.close();
    const read = await home.tally(['log', 'show', String(index), '--payload']);
    assert.equal(read.code, 3);
    assert.match(read.stderr, new RegExp(`was erased: entry ${erased?.receipts[0]?.index} says so`));
    assert.equal((await verdict({})).payloads.checked, 5);
    const gone = await changed((state) => truncate(join(state, 'logs/local', PACK), payload.offset));
    const { code, payloads } = await verdict(gone);
    assert.deepEqual([code, payloads.status, payloads.erased, payloads.checked], [0, 'pass', 1, 4]);
  });
});
