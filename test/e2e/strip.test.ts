/** Taking things away must not make the machine sign what it would not have signed. */
import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openSession } from '../../src/open.ts';
import { type Home, makeHome } from '../support/home.ts';

describe('a start after somebody took parts of the state away', () => {
  let home: Home;
  let kept: string;
  const at = (...path: string[]): string => join(home.paths.state, ...path);

  async function open(): Promise<void> {
    const session = await openSession({
      paths: home.paths,
      client: { surface: 'cli' },
      onWarning: () => undefined,
      require: 'writer',
    });
    await session.ask('record', { event: { type: 'step.note', phase: 'point', metadata: { amount: 100 } } });
    await session.close();
  }

  before(async () => {
    home = await makeHome();
    kept = join(home.directory, 'kept');
    await open();
    await open();
    await cp(home.paths.state, kept, { recursive: true });
  });
  after(() => home.remove());

  const cases: readonly (readonly [string, () => Promise<void>])[] = [
    ['the checkpoint', () => rm(at('logs/local/checkpoint'))],
    ['the remembered head', () => rm(at('heads/local/checkpoint'))],
    ['the remembered key', () => rm(at('heads/local/vkey'))],
    ['everything remembered', () => rm(at('heads'), { recursive: true })],
    ['the log', () => rm(at('logs/local'), { recursive: true })],
    ['the entries', () => rm(at('logs/local/entries'), { recursive: true })],
    [
      'the entries, the checkpoint and what remembers them but log.json',
      async () => {
        await rm(at('logs/local/entries'), { recursive: true });
        await rm(at('logs/local/checkpoint'));
        await rm(at('heads/local/vkey'));
      },
    ],
    [
      'checkpoint, tiles and heads after an edit',
      async () => {
        const file = at('logs/local/entries/000000000000.jsonl');
        await writeFile(file, (await readFile(file, 'utf8')).replace('"amount":100', '"amount":999'));
        await rm(at('logs/local/checkpoint'));
        await rm(at('heads'), { recursive: true });
      },
    ],
  ];
  for (const [what, take] of cases) {
    it(`is refused without ${what}`, async () => {
      await rm(home.paths.state, { recursive: true });
      await cp(kept, home.paths.state, { recursive: true });
      await take();
      await assert.rejects(open(), (error: { code?: string; hint?: string }) => {
        assert.match(error.code ?? '', /^LOG_(DAMAGED|ROLLED_BACK)$/);
        assert.match(error.hint ?? '', /log continue/);
        return true;
      });
    });
  }

  it('goes on when nothing was taken', async () => {
    await rm(home.paths.state, { recursive: true });
    await cp(kept, home.paths.state, { recursive: true });
    await open();
  });
});
