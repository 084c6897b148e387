/** Summary, history, runs, one run, and what a call is part of: the real commands over a week of a real recorder. */
import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Home, makeHome } from '../support/home.ts';
import { type Story, writeStory } from '../support/story.ts';

let home: Home;
let story: Story;
/** Every entry, from the files. */
let entries: readonly Stored[];

interface Stored {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  readonly ts: string;
  readonly phase: string;
  readonly parent_id?: string;
  readonly run_id?: string;
  readonly actor?: { readonly agent_id?: string; readonly user?: { readonly id?: string } };
  readonly action?: { readonly target?: { readonly host?: string } };
  readonly outcome?: { readonly status?: string };
}

before(async () => {
  home = await makeHome();
  story = await writeStory(home.env.TALLY_HOME ?? '', 0.3);
  const folder = join(home.paths.logs, 'local/entries');
  const names = (await readdir(folder)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  entries = texts.flatMap((text) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Stored),
  );
});
after(() => home.remove());

const log = (...args: string[]) => home.tally(['log', ...args]);
async function json<T>(...args: string[]): Promise<T> {
  const { stdout, stderr, code } = await log(...args, '--json');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
}
const errorOf = (stderr: string) =>
  (JSON.parse(stderr) as { error: { code: string; message: string; hint: string } }).error;

interface Counts {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly stopped: number;
  readonly pending: number;
  readonly noted: number;
  readonly redacted: number;
}
interface Summary {
  readonly size: number;
  readonly totals: Counts;
  readonly by: Record<string, { distinct: number; values: ({ value: string; first: number } & Counts)[] }>;
  readonly hours: ({ hour: string } & Counts)[];
}

/** Calls and events: a post_exec is part of its call. */
const rowsIn = (of: (entry: Stored) => boolean): number =>
  entries.filter((entry) => entry.phase !== 'post_exec' && of(entry)).length;

describe('tally log list, page by page', () => {
  it('gives every row once, and says how many there are and how to go on', async () => {
    const seen: number[] = [];
    let next: number | null = null;
    let pages = 0;
    do {
      const page: { entries: Stored[]; total: number; next: number | null; complete: boolean } = await json(
        ...['list', '-n', '150', '--agent', 'bookkeeper'],
        ...(next === null ? [] : ['--before', String(next)]),
      );
      seen.push(...page.entries.map(({ index }) => index));
      assert.equal(
        page.total,
        rowsIn(({ actor }) => actor?.agent_id === 'bookkeeper'),
      );
      assert.equal(page.complete, page.next === null);
      next = page.next;
      pages++;
    } while (next !== null);
    assert.ok(pages > 0);
    const expected = entries.filter((e) => e.phase !== 'post_exec' && e.actor?.agent_id === 'bookkeeper');
    assert.deepEqual(seen, expected.map(({ index }) => index).reverse());
  });

  it('finds words, and gives a command for the next page that can be copied', async () => {
    const { stdout, stderr } = await log('list', '--text', 'Invoice ACME', '-n', '1');
    assert.match(stdout, /POST api\.bank\.example\/v2\/payments/);
    assert.match(stderr, /^1 of 2\nnext: tally log list -n 1 --before \d+ --text 'Invoice ACME'\n$/);
    const [, again = ''] = /--before (\d+)/.exec(stderr) ?? [];
    const rest = await log('list', '-n', '1', '--before', again, '--text', 'Invoice ACME');
    assert.match(rest.stderr, /^1 of 2\n$/);
  });

  it('says which name it does not have and what was probably meant, or that filters exclude each other', async () => {
    const misspelt = await log('list', '--agent', 'bulider', '--host', 'api.bank.example');
    assert.deepEqual([misspelt.stdout, misspelt.code], ['', 0]);
    assert.match(misspelt.stderr, /no entry matches\n.*no agent bulider .* did you mean --agent builder\?/);
    const apart = await log('list', '--agent', 'builder', '--host', 'api.bank.example');
    assert.match(
      apart.stderr,
      /each alone is in the log, together nothing is: --agent builder has \d+, --host/,
    );
    const elsewhen = await log('list', '--agent', 'builder', '--until', '2026-01-02');
    assert.match(elsewhen.stderr, /at other times \d+ match/);
  });

  it('reads the files for one row an entry, with the same filters and pages', async () => {
    const first = await json<{ entries: Stored[]; next: number; total: null }>(
      ...['list', '--raw', '-n', '3', '--run', story.runs.books, '--text', 'payments'],
    );
    assert.deepEqual([first.entries.length, first.total], [3, null]);
    const then = await json<{ entries: Stored[] }>(
      ...['list', '--raw', '-n', '99', '--run', story.runs.books, '--text', 'payments'],
      ...['--before', String(first.next)],
    );
    const all = await json<{ entries: Stored[] }>(
      'list',
      '--raw',
      '--all',
      '--run',
      story.runs.books,
      '--text',
      'payments',
    );
    assert.deepEqual([...first.entries, ...then.entries], all.entries);
  });
});

describe('tally log summary', () => {
  it('counts every row once, and by what was asked for', async () => {
    const { totals, size, by, hours } = await json<Summary>(
      'summary',
      '--by',
      'agent,domain',
      'reason',
      '--top',
      '99',
    );
    assert.equal(size, entries.length);
    assert.equal(
      totals.total,
      rowsIn(() => true),
    );
    const { succeeded, failed, stopped, pending, noted } = totals;
    assert.equal(succeeded + failed + stopped + pending + noted, totals.total);
    assert.deepEqual(Object.keys(by), ['agent', 'host', 'reason']);
    for (const { value, total } of by.host?.values ?? [])
      assert.equal(
        total,
        rowsIn(({ action }) => action?.target?.host === value),
        value,
      );
    assert.equal(
      hours.reduce((sum, hour) => sum + hour.total, 0),
      totals.total,
    );
  });

  it('says what it leaves out, draws time, and takes the filters of the list', async () => {
    const { stdout } = await log('summary', '--top', '1', '--by', 'agent,day');
    assert.match(stdout, /^\d+ calls and events {2}2026-11-09 /);
    assert.match(stdout, /per \d* ?hours? .*[▁-█]/);
    assert.match(stdout, /… and \d+ more \(--top \d+\)/);
    assert.match(stdout, /DAY\n2026-11-1\d/);
    const stops = await json<Summary>('summary', '--blocked');
    assert.equal(stops.totals.total, stops.totals.stopped);
    assert.equal(stops.totals.stopped, (await json<Summary>('summary')).totals.stopped);
  });

  it('refuses to count by what nothing has, and explains an empty answer', async () => {
    const { code, stderr } = await log('summary', '--by', 'agents');
    assert.deepEqual([code, errorOf(stderr).code], [2, 'USAGE']);
    assert.match(errorOf(stderr).message, /Did you mean agent\?/);
    const none = await log('summary', '--credential', 'BANK_KAY');
    assert.match(none.stderr, /did you mean --credential BANK_KEY\?/);
  });
});

interface History {
  readonly first_seen: string;
  readonly last_seen: string;
  readonly totals: Counts;
  readonly by: Record<string, { values: { value: string; first_seen: string; last_seen: string }[] }>;
  readonly runs: { distinct: number; values: { run: string; ended: string | null }[] };
  readonly approvals: { total: number; newest: { index: number; state: string; answered_by?: string }[] };
  readonly answered: { total: number };
  readonly stops: { total: number };
}

describe('tally log history', () => {
  it('tells when an agent and each of its hosts were first and last seen', async () => {
    const found = await json<History>('history', 'bookkeeper', '--top', '99');
    const own = entries.filter((e) => e.phase !== 'post_exec' && e.actor?.agent_id === 'bookkeeper');
    assert.deepEqual([found.first_seen, found.last_seen], [own[0]?.ts, own.at(-1)?.ts]);
    assert.equal(found.totals.total, own.length);
    for (const { value, first_seen, last_seen } of found.by.host?.values ?? []) {
      const there = own.filter(({ action }) => action?.target?.host === value);
      assert.deepEqual([first_seen, last_seen], [there[0]?.ts, there.at(-1)?.ts], value);
    }
    assert.equal(found.runs.distinct, new Set(own.map(({ run_id }) => run_id)).size);
    assert.equal(found.runs.values.find(({ run }) => run === story.runs.books)?.ended, 'ok');
  });

  it('follows approvals to their answers, and counts them for who gave them', async () => {
    const { approvals } = await json<History>('history', 'bookkeeper');
    assert.deepEqual(
      approvals.newest.map(({ index, state, answered_by }) => [index, state, answered_by]),
      [
        [story.asked[1], 'denied', 'ada'],
        [story.asked[0], 'resumed', 'ada'],
      ],
    );
    assert.equal((await json<History>('history', '--user', 'ada')).answered.total, 2);
    const { stdout } = await log('history', 'bookkeeper');
    assert.match(stdout, /granted by ada at .*, and the call went on/);
  });

  it('asks whose, tells a person from an agent, and suggests a name', async () => {
    for (const [args, code, said] of [
      [['history'], 2, /name an agent, or a person with --user/],
      [['history', 'builder', '--user', 'kim'], 2, /name one of them/],
      [['history', 'ada'], 3, /give it with --user/],
      [['history', 'bookeper'], 3, /did you mean bookkeeper\?/],
      [['history', '--user', 'adda'], 3, /did you mean --user ada\?/],
      [['history', 'nobody-like-that'], 3, /tally log summary --by agent/],
      [['history', 'builder', '--until', '2026-01-02'], 3, /widen --since and --until/],
    ] as const) {
      const told = await log(...args);
      assert.equal(told.code, code, args.join(' '));
      assert.match(errorOf(told.stderr).hint, said);
    }
  });
});

interface Run {
  readonly start: { index: number } | null;
  readonly end: { status: string } | null;
  readonly totals: Counts;
  readonly next: number | null;
  readonly steps: {
    index: number;
    depth: number;
    under?: number;
    flaws: string[];
    agent?: string;
    took_ms?: number;
  }[];
}

describe('tally log run', () => {
  it('gives every step of a run once, under the step that it belongs to', async () => {
    const run = await json<Run>('run', story.runs.books);
    const own = entries.filter((e) => e.run_id === story.runs.books && e.phase !== 'post_exec');
    const steps = own.filter(({ type }) => !type.startsWith('run.'));
    assert.deepEqual(
      run.steps.map(({ index }) => index).toSorted((a, b) => a - b),
      steps.map(({ index }) => index),
    );
    for (const { index, under } of run.steps) {
      const parent = entries.find(({ id }) => id === entries[index]?.parent_id)?.index;
      assert.equal(under, parent);
    }
    assert.deepEqual([run.end?.status, run.totals.total], ['ok', own.length]);
    assert.ok(run.steps.every(({ flaws }) => flaws.length === 0));
  });

  it('nests the agents that work was handed to, and draws the tree', async () => {
    const { stdout } = await log('run', story.runs.research);
    assert.match(stdout, /├─ reader, for researcher\n/);
    assert.match(stdout, /└─ quoter, for checker\n.*│ {5}└─ POST models\.llm\.example/);
    assert.match(stdout, /│ {2}│ {2}└─ GET cdn\.search\.example/);
  });

  it('names what is open, and a run that nobody ended', async () => {
    const run = await json<Run>('run', story.runs.open);
    assert.equal(run.end, null);
    assert.deepEqual(run.steps.at(-1)?.flaws, ['open']);
    const { stdout } = await log('run', story.runs.open);
    assert.match(stdout, /no run\.end in the log; last seen/);
    assert.match(stdout, /1 step is open or not whole\n {2}\d+ {2}no post_exec in the log/);
  });

  it('goes on where a page ended', async () => {
    const whole = await json<Run>('run', story.runs.books);
    const first = await json<Run>('run', story.runs.books, '-n', '4');
    const then = await json<Run>('run', story.runs.books, '--after', String(first.next));
    assert.equal(first.steps.length, 4);
    assert.deepEqual(
      [...first.steps, ...then.steps].map(({ index }) => index).toSorted((a, b) => a - b),
      whole.steps.map(({ index }) => index).toSorted((a, b) => a - b),
    );
    assert.ok([...first.steps, ...then.steps].every(({ flaws }) => flaws.length === 0));
    assert.match(
      (await log('run', story.runs.books, '-n', '4')).stderr,
      /next: tally log run .* -n 4 --after \d+/,
    );
  });

  it('says that a run is not there, and which was meant', async () => {
    const { code, stderr } = await log('run', 'run_books_novembr');
    assert.equal(code, 3);
    assert.match(errorOf(stderr).hint, /did you mean run_books_november\?.*tally log runs/);
  });

  it('is found in the list of runs, newest first', async () => {
    const { runs, total, next } = await json<{
      runs: { run: string; totals: Counts; ended: { status: string } | null }[];
      total: number;
      next: number;
    }>('runs', '-n', '2');
    assert.deepEqual([runs[0]?.run, runs[0]?.ended], [story.runs.open, null]);
    assert.equal(
      total,
      rowsIn(({ type }) => type === 'run.start'),
    );
    const older = await json<{ runs: { run: string }[] }>('runs', '--before', String(next), '-n', '999');
    assert.equal(older.runs.length, total - 2);
  });
});

interface Shown {
  readonly entry: Stored;
  readonly proof: { readonly state: string };
  readonly run: { run: string; rows: number };
  readonly approval: {
    state: string;
    links: { role: string; index: number; end: { status: string } | null }[];
  } | null;
  readonly children: { count: number };
}

describe('tally log show', () => {
  it('tells the whole chain of an approval from each of its entries', async () => {
    const [asked = -1] = story.asked;
    const whole = (await json<Shown>('show', String(asked))).approval;
    assert.deepEqual(
      whole?.links.map(({ role, end }) => [role, end?.status]),
      [
        ['asked', 'pending'],
        ['request', undefined],
        ['grant', undefined],
        ['resumed', 'ok'],
      ],
    );
    for (const { index } of whole.links) {
      const { approval, proof, entry } = await json<Shown>('show', entries[index]?.id ?? '');
      assert.deepEqual([entry.index, proof.state, approval], [index, 'published', whole]);
    }
    const { stdout } = await log('show', String(asked));
    assert.match(stdout, /approval +granted, and the call went on\n.*asked +entry \d+/);
  });

  it('tells who said no, and what they said with it', async () => {
    const shown = await Promise.all(story.asked.map((asked) => log('show', String(asked))));
    const denied = shown.map(({ stdout }) => stdout).filter((text) => /^ +denied +entry /m.test(text));
    assert.ok(denied.length > 0);
    for (const text of denied) assert.match(text, /denied +entry \d+ .* by \w+ +“not before the audit”\n/);
  });

  it('works without an index, and says what it then cannot tell', async () => {
    const [asked = -1] = story.asked;
    const id = entries[asked]?.id ?? '';
    const { stdout, code } = await log('show', id, '--no-index', '--json');
    const shown = JSON.parse(stdout) as Shown & { other: Stored };
    assert.deepEqual(
      [code, shown.entry.index, shown.other.parent_id, shown.proof.state],
      [0, asked, id, 'published'],
    );
    assert.ok(!('approval' in shown));
  });
});

describe('a log with damage', () => {
  it('names lines that are no entries, and answers from all others', async () => {
    const damaged = join(home.directory, 'damaged');
    await cp(join(home.paths.logs, 'local'), damaged, { recursive: true });
    await appendFile(join(damaged, 'entries/000000000000.jsonl'), 'not an entry\n');
    for (const args of [['summary'], ['history', 'builder'], ['run', story.runs.books], ['runs']]) {
      const { stdout, stderr, code } = await log(...args, '--dir', damaged);
      assert.equal(code, 0, stderr);
      assert.ok(stdout.length > 100);
      assert.match(stderr, /damaged:.* 1 line of the log is no entry.*\n.* at byte \d+: not JSON/);
    }
  });

  it('does not take an altered entry for the one that was indexed', async () => {
    const altered = join(home.directory, 'altered');
    await cp(join(home.paths.logs, 'local'), altered, { recursive: true });
    await log('list', '--dir', altered);
    const path = join(altered, 'entries/000000000000.jsonl');
    const text = await readFile(path, 'utf8');
    const newest = entries.findLast((entry) => entry.phase === 'point');
    await writeFile(path, text.replace(`"id":"${newest?.id}"`, `"id":"log_${'0'.repeat(26)}"`));
    const { stdout, code } = await log('list', '--dir', altered, '--all', '--json');
    const listed = JSON.parse(stdout) as {
      entries: Stored[];
      unfit: { count: number; entries: { index: number }[] };
    };
    const told = listed.unfit.entries.map(({ index }) => index);
    const isNew = listed.entries.some(({ id }) => id === `log_${'0'.repeat(26)}`);
    // Either the index noticed and was made again, or the row is told to be another one.
    assert.ok(code !== 0 || isNew || told.includes(newest?.index ?? -1), stdout.slice(-400));
  });

  it('says so when an entry tells something else than when it was indexed', async () => {
    const other = await makeHome();
    try {
      await cp(home.paths.state, other.paths.state, { recursive: true });
      assert.equal((await other.tally(['log', 'list', '-n', '1'])).code, 0);
      const path = join(other.paths.logs, 'local/entries/000000000000.jsonl');
      const lines = (await readFile(path, 'utf8')).split('\n');
      const at = lines.findIndex((line) => line.includes('"status_code":200'));
      assert.ok(at > 0 && at < lines.length - 2);
      lines[at] = (lines[at] ?? '').replace('"status_code":200', '"status_code":500');
      await writeFile(path, lines.join('\n'));
      const { stderr, stdout, code } = await other.tally(['log', 'list', '--all', '--type', 'http']);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /damaged:.* 1 row of the index does not fit the log; see `tally verify`/);
      assert.ok(stdout.length > 1_000);
    } finally {
      await other.remove();
    }
  });

  it('says that there is no log before it makes an index of nothing', async () => {
    const empty = join(home.directory, 'empty');
    await mkdir(empty);
    for (const args of [['summary'], ['history', 'x'], ['run', 'x'], ['runs'], ['list'], ['show', '1']]) {
      const { code, stderr } = await log(...args, '--dir', empty);
      assert.deepEqual([code, errorOf(stderr).code], [3, 'LOG_MISSING'], args.join(' '));
    }
  });
});
