/** The story of examples/frameworks, as it stands in the log, whichever framework told it. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ANSWER, QUESTION } from '../../examples/frameworks/story.ts';
import { entriesIn } from '../fault/check.ts';
import { type Home, makeHome } from '../support/home.ts';

interface Stored {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  readonly phase: string;
  readonly run_id?: string;
  readonly step_id?: string;
  readonly parent_id?: string;
  readonly action?: { readonly name: string; readonly key: string; readonly args_hash?: string };
  readonly decision?: { readonly outcome: string; readonly rule?: string; readonly reason?: string };
  readonly outcome?: { readonly status: string; readonly usage?: object };
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly source: { readonly surface: string; readonly assurance: string };
}

type Play = (home: string) => Promise<{ readonly answer: string; readonly done: readonly string[] }>;

export function tellsTheStory(
  title: string,
  play: Play,
  told: {
    /** What the framework tells before the model is asked, beside what was said to it. */
    readonly before: readonly string[];
    /** Of what the run says of itself. */
    readonly about: Readonly<Record<string, unknown>>;
  },
): void {
  describe(title, () => {
    let home: Home;
    let entries: readonly Stored[] = [];
    let done: readonly string[] = [];
    before(async () => {
      home = await makeHome();
      await mkdir(home.paths.state, { recursive: true, mode: 0o700 });
      const played = await play(home.paths.state);
      assert.equal(played.answer, ANSWER);
      done = played.done;
      entries = (entriesIn(home.paths.state) as unknown as readonly Stored[]).filter(
        ({ source }) => source.surface === 'sdk',
      );
    });
    after(() => home.remove());

    it('leaves its names, its decisions and its ends, in their order', () => {
      const model = ['model.call pre_exec scripted-1', 'model.response post_exec scripted-1 ok'];
      assert.deepEqual(
        entries.map(({ type, phase, action, decision, outcome }) =>
          [type, phase, action?.name, decision?.outcome, outcome?.status]
            .filter((one) => one !== undefined)
            .join(' '),
        ),
        [
          'run.start point',
          ...told.before,
          'system.instruction point',
          'user.message point',
          ...model,
          'tool.call pre_exec order_find allow',
          'tool.result post_exec order_find ok',
          ...model,
          'tool.call pre_exec refund_create stop',
          'tool.result post_exec refund_create blocked',
          ...model,
          'tool.call pre_exec refund_create allow',
          'tool.result post_exec refund_create ok',
          ...model,
          'run.end point ok',
        ],
      );
      const [stopped] = entries.filter(({ decision }) => decision?.outcome === 'stop');
      assert.deepEqual(
        [stopped?.decision?.rule, stopped?.decision?.reason],
        ['big-refund', 'refund_over_limit'],
      );
      assert.deepEqual(
        { ...told.about, ...(entries[0]?.metadata?.about as object) },
        entries[0]?.metadata?.about,
      );
    });

    it('has one run, steps without a gap, and every end at its beginning', () => {
      const [start] = entries;
      assert.deepEqual([...new Set(entries.map(({ run_id }) => run_id))], [start?.run_id]);
      const begun = new Map(entries.map((entry) => [entry.id, entry]));
      for (const { phase, parent_id, step_id, action, type } of entries) {
        const above = begun.get(parent_id ?? '');
        if (phase !== 'post_exec') {
          if (!type.startsWith('run.')) assert.equal(above, start, type);
          continue;
        }
        assert.equal(above?.phase, 'pre_exec');
        assert.equal(above?.step_id, step_id);
        assert.equal(above?.action?.key, action?.key);
      }
      const steps = entries
        .filter(({ phase }) => phase !== 'post_exec')
        .flatMap(({ step_id }) => step_id ?? []);
      assert.deepEqual(
        steps,
        steps.map((_step, i) => String(i + 1)),
      );
    });

    it('calls enforced what was held, and self_reported what was heard', () => {
      for (const { type, source } of entries)
        assert.equal(source.assurance, /^(tool|run)\./.test(type) ? 'enforced' : 'self_reported', type);
      for (const { action } of entries.filter(({ type }) => type === 'tool.call'))
        assert.match(action?.args_hash ?? '', /^[0-9a-f]{64}$/);
    });

    it('says of the model what it cost', () => {
      for (const { outcome } of entries.filter(({ type }) => type === 'model.response'))
        assert.deepEqual(outcome?.usage, { input_tokens: 20, output_tokens: 7 });
    });

    it('agrees with the book of the shop: what was stopped was not done', () => {
      assert.deepEqual(done, ['found o_7', 'refunded 100']);
      const ended = entries.filter(({ type, outcome }) => type === 'tool.result' && outcome?.status === 'ok');
      assert.equal(ended.length, done.length);
    });

    it('keeps the card of the customer out of every file of the home', async () => {
      const digits = QUESTION.match(/[\d ]{16,}/)?.[0].trim() ?? '';
      assert.equal(digits.replaceAll(' ', '').length, 16);
      for (const file of await readdir(home.directory, { recursive: true, withFileTypes: true })) {
        if (!file.isFile()) continue;
        const bytes = await readFile(join(file.parentPath, file.name));
        for (const form of [digits, digits.replaceAll(' ', '')])
          assert.equal(bytes.includes(form), false, `${form} stands in ${file.name}`);
      }
    });

    it('verifies, complete, and its decisions are made again from their record', async () => {
      const { code, stdout } = await home.tally(['verify', '--completeness']);
      assert.equal(code, 0, stdout);
      const replayed = await home.tally(['log', 'replay']);
      assert.match(replayed.stdout, /agree +3 decisions/);
    });
  });
}
