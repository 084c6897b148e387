/** Only what was set aside is acknowledged. */
import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Home, makeHome } from '../support/home.ts';
import { recordNotes } from '../support/notes.ts';

describe('tally log acknowledge', () => {
  let home: Home;
  let entries: string;
  before(async () => {
    home = await makeHome();
    await recordNotes(home, 3);
    entries = join(home.paths.logs, 'local', 'entries');
  });
  after(() => home.remove());

  const acknowledge = (name: string) => home.tally(['log', 'acknowledge', name, '--reason', 'looked']);
  const size = async (): Promise<number> => {
    const { stdout } = await home.tally(['verify', '--json']);
    return (JSON.parse(stdout) as { entries: number }).entries;
  };

  it('refuses every name while nothing was set aside, and records nothing', async () => {
    const before = await size();
    for (const name of ['nope', '../../../etc/passwd', '000000000000.jsonl']) {
      const { code, stdout, stderr } = await acknowledge(name);
      assert.deepEqual([code, stdout], [3, ''], name);
      assert.match(stderr, /NOT_FOUND.*no file that was set aside.*nothing to acknowledge/);
    }
    assert.equal(await size(), before);
  });

  it('names what there is to acknowledge, takes that, and then says that all is acknowledged', async () => {
    appendFileSync(join(entries, '000000000000.jsonl'), '{"half":');
    await recordNotes(home, 1);
    const torn = readdirSync(entries).find((name) => name.includes('.torn-')) ?? '';
    assert.notEqual(torn, '');
    const refused = await acknowledge('nope');
    assert.equal(refused.code, 3);
    assert.ok(refused.stderr.includes(`name one of these: ${torn}`), refused.stderr);
    const taken = await acknowledge(torn);
    assert.equal(taken.code, 0, taken.stderr);
    assert.match((await acknowledge('nope')).stderr, /all of them are acknowledged/);
  });

  it('takes the name of a file that the log tells of and that is gone', async () => {
    for (const name of readdirSync(entries)) if (name.includes('.torn-')) rmSync(join(entries, name));
    appendFileSync(join(entries, '000000000000.jsonl'), '{"half":');
    await recordNotes(home, 1);
    const torn = readdirSync(entries).find((name) => name.includes('.torn-')) ?? '';
    rmSync(join(entries, torn));
    const { code, stderr } = await acknowledge(torn);
    assert.equal(code, 0, stderr);
  });
});
