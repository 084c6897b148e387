/** A file that is damaged is named, with what is wrong with it and what mends it. */
import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Home, makeHome } from '../support/home.ts';
import { recordNotes } from '../support/notes.ts';

describe('what is said of a damaged file', () => {
  let home: Home;
  before(async () => {
    home = await makeHome();
    await recordNotes(home, 3);
  });
  after(() => home.remove());

  it('names the empty checkpoint of a publication, and its advice mends it', async () => {
    const published = join(home.directory, 'published');
    assert.equal((await home.tally(['log', 'publish', published])).code, 0);
    writeFileSync(join(published, 'checkpoint'), '');
    const { code, stderr } = await home.tally(['verify', published]);
    assert.equal(code, 6);
    assert.match(stderr, /NOTE_MALFORMED.*the file checkpoint.*"hint":.*tally log publish/);
    renameSync(join(published, 'checkpoint'), join(home.directory, 'moved-away'));
    assert.equal((await home.tally(['log', 'publish', published])).code, 0);
    const { stdout } = await home.tally(['key', 'list', '--json']);
    const vkey = (JSON.parse(stdout) as { keys: { vkey: string }[] }).keys[0]?.vkey ?? '';
    assert.equal((await home.tally(['verify', published, '--key', vkey])).code, 0);
  });

  it('says of a bundle without its entries that there are none', async () => {
    const bundle = join(home.directory, 'bundle');
    assert.equal((await home.tally(['log', 'export', '--bundle', bundle])).code, 0);
    rmSync(join(bundle, 'entries.jsonl'));
    const { code, stdout, stderr } = await home.tally(['verify', bundle]);
    assert.equal(code, 6);
    assert.match(stdout + stderr, /entries\.jsonl is missing/);
    assert.doesNotMatch(stdout + stderr, /undefined/);
  });

  it('says what log.json should be', async () => {
    writeFileSync(join(home.paths.logs, 'local', 'log.json'), '[]');
    const { stderr } = await home.tally(['log', 'publish', join(home.directory, 'other')]);
    assert.match(stderr, /log\.json does not parse: .*expected object/);
  });
});
