import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { textWidth } from '../../src/cli/output/width.ts';
import { CLI, type Home, makeHome } from '../support/home.ts';
import { type Draft, idOf, writeLogFiles } from '../support/logfiles.ts';

const START = Date.UTC(2026, 5, 1);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const AT = '2026-07-01T10:40:00Z';
const HOSTILE = 'pay\u001b[2J\u202eload.example';

interface Call {
  readonly agent?: string;
  readonly run: string;
  readonly ms: number;
  readonly host?: string;
  readonly credential?: string;
  readonly code?: number;
}

function drafts(calls: readonly Call[]): Draft[] {
  return [...calls]
    .sort((a, b) => a.ms - b.ms)
    .flatMap(
      ({ agent = 'builder', run, ms, host = 'api.example.com', credential = 'KEY', code = 200 }, n) => {
        const common = {
          type: 'http.call',
          ts: new Date(ms).toISOString(),
          run_id: run,
          actor: { agent_id: agent, identity_level: 'issued' },
          action: {
            name: 'http.call',
            target: { scheme: 'https', host, port: 443, method: 'GET', path: '/' },
          },
          credentials: [{ ref: credential, injection_style: 'bearer' }],
        };
        const outcome = { status: code < 400 ? 'ok' : 'error', status_code: code, duration_ms: 20 };
        return [
          { ...common, phase: 'pre_exec' },
          { ...common, phase: 'post_exec', parent_id: idOf(2 * n), outcome },
        ] as unknown as Draft[];
      },
    );
}

/** Ten runs of three calls a day, from 10:00; on the last day a run that does what none did. */
function calls(): Call[] {
  const usual = Array.from({ length: 900 }, (_, n): Call => {
    const ms = START + Math.floor(n / 30) * DAY + 10 * HOUR + (n % 30) * 20_000;
    return { run: `run_${Math.floor(n / 3)}`, ms };
  });
  const odd = Array.from({ length: 60 }, (_, n): Call => {
    const ms = START + 30 * DAY + 10 * HOUR + n * 500;
    return {
      run: 'run_odd',
      ms,
      host: n === 7 ? HOSTILE : 'api.example.com',
      credential: n === 8 ? 'STRIPE_KEY' : 'KEY',
      code: n % 2 === 0 ? 503 : 200,
    };
  });
  const young = Array.from({ length: 3 }, (_, n): Call => {
    return { agent: 'newcomer', run: `first_${n}`, ms: START + 29 * DAY + n * HOUR };
  });
  return [...usual, ...odd, ...young];
}

let home: Home;
const tally = (...args: string[]) => home.tally(['baseline', ...args, '--at', AT]);
const kept = (): string => join(home.paths.state, 'baselines');

before(async () => {
  home = await makeHome();
  await writeLogFiles(join(home.paths.logs, 'local'), drafts(calls()));
});
after(() => home.remove());

interface Told {
  readonly learning?: unknown;
  readonly usual: { readonly runs: number; readonly calls: number; readonly failures: { rate: number } };
  readonly present: { readonly calls: number };
  readonly deviations: readonly {
    readonly kind: string;
    readonly subject: string;
    readonly score: number;
    readonly level: string;
    readonly words: string;
    readonly evidence: readonly number[];
  }[];
}

async function json(...args: string[]): Promise<Told> {
  const { stdout, stderr, code } = await tally(...args, '--json');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Told;
}

describe('tally baseline AGENT', () => {
  it('says what differs now, with entries that show it', async () => {
    const found = await json('builder');
    assert.deepEqual([found.usual.runs, found.usual.calls, found.present.calls], [300, 900, 60]);
    const alarms = found.deviations.filter(({ level }) => level === 'alarm').map(({ words }) => words);
    assert.ok(alarms.includes('first use of credential STRIPE_KEY in 300 runs'), alarms.join('\n'));
    assert.ok(alarms.includes('60 calls in a minute, 20 × its 99th percentile of 3'));
    assert.ok(alarms.some((words) => words.startsWith('fails 50 % of its calls (30 of 60), usually 0 %')));
    const [first] = found.deviations.find(({ subject }) => subject === 'STRIPE_KEY')?.evidence ?? [];
    const shown = JSON.parse((await home.tally(['log', 'show', String(first), '--json'])).stdout) as object;
    assert.match(JSON.stringify(shown), /STRIPE_KEY/);
  });

  it('compares one run with all before it', async () => {
    const odd = await json('builder', '--now', 'run_odd');
    assert.ok(odd.deviations.some(({ kind, subject }) => kind === 'run_calls' && subject === 'run_odd'));
    const usual = await json('builder', '--now', 'run_200');
    assert.deepEqual(
      usual.deviations.filter(({ score }) => score >= 0.5),
      [],
    );
  });

  it('reads the same on every terminal, and is cut on none', () => {
    for (const width of [40, 80, 160]) {
      const command = `stty cols ${width} rows 50; exec "$NODE" "$CLI" baseline builder --at ${AT}`;
      const done = spawnSync('script', ['-qec', command, '/dev/null'], {
        env: { ...home.env, NODE: process.execPath, CLI, TERM: 'xterm' },
        encoding: 'utf8',
      });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what wipes the progress bar, which is not looked at here
      const lines = done.stdout.replace(/\r\u001b\[2K[^\r\n]*/g, '').split(/\r?\n/);
      for (const line of lines) assert.ok(textWidth(line) <= width, `${width}: ${line}`);
      const text = lines.map((line) => line.trim()).join(' ');
      for (const words of ['first use of credential STRIPE_KEY in 300 runs', 'calls a minute', 'hours (UTC)'])
        assert.ok(text.includes(words), `${width}: ${words}\n${text}`);
    }
  });

  it('shows what others wrote without obeying it', async () => {
    for (const args of [['builder'], ['builder', '--json']]) {
      const { stdout } = await tally(...args);
      assert.doesNotMatch(stdout.replaceAll('\n', ''), /\p{Cc}|\u202e/u);
      assert.match(stdout, /load\.example/);
    }
  });

  it('scores nothing of an agent that it hardly knows, and says so', async () => {
    const { stdout } = await tally('newcomer');
    assert.match(stdout, /learning: 3 of 10 runs; nothing is scored yet/);
    assert.deepEqual((await json('newcomer')).learning, { runs: 3, needed: 10 });
  });

  it('asks what was meant by an agent, a run or a span that is none', async () => {
    for (const [args, exit, code, hint] of [
      [['bulider'], 3, 'NOT_FOUND', /did you mean `tally baseline builder`\?/],
      [['builder', '--now', 'run_old'], 3, 'NOT_FOUND', /did you mean --now run_odd\?/],
      [['builder', '--now', '5x'], 2, 'USAGE', /90m/],
      [['builder', '--window', '3y'], 2, 'USAGE', /--window 90d/],
      [['builder', '--window', 'long'], 2, 'USAGE', /30d/],
    ] as const) {
      const { stdout, stderr, code: exited } = await tally(...args);
      const { error } = JSON.parse(stderr) as { error: { code: string; hint: string } };
      assert.deepEqual([exited, error.code, stdout], [exit, code, '']);
      assert.match(error.hint, hint);
    }
  });

  it('says of a directory without a log that there is none', async () => {
    const { code, stderr } = await tally('builder', '--dir', join(home.directory, 'nowhere'));
    assert.equal(code, 3);
    assert.match(stderr, /LOG_MISSING/);
  });
});

describe('what tally baseline keeps', () => {
  const file = async (): Promise<string> => {
    const [name] = await readdir(kept());
    return join(kept(), name ?? '');
  };

  it('gives the same answer as learning anew, and loses nothing when it is deleted', async () => {
    const anew = (await tally('builder', '--json', '--no-cache')).stdout;
    await rm(kept(), { recursive: true, force: true });
    const first = (await tally('builder', '--json')).stdout;
    const second = (await tally('builder', '--json')).stdout;
    assert.deepEqual([first, second], [anew, anew]);
    const stored = await readFile(await file());
    await rm(kept(), { recursive: true });
    await tally('builder');
    assert.deepEqual(await readFile(await file()), stored);
  });

  it('is learned again, with a line that says so, when it is damaged', async () => {
    await rm(kept(), { recursive: true, force: true });
    const right = (await tally('builder', '--json')).stdout;
    const stored = await readFile(await file(), 'utf8');
    for (const [text, why] of [
      ['{', /is no baseline \(not JSON\): learned again/],
      [stored.replace('"agent":"builder"', '"agent":"another"'), /of another agent or log: learned again/],
      [stored.replace(/"size":\d+/, '"size":999999999'), /of a longer log/],
      [stored.replace('"version":1', '"version":9'), /of another version/],
    ] as const) {
      await writeFile(await file(), text);
      const { stdout, stderr } = await tally('builder', '--json');
      assert.equal(stdout, right);
      assert.match(stderr, why);
      assert.equal(await readFile(await file(), 'utf8'), stored);
    }
  });

  it('does not hide what was added to an old day', async () => {
    await rm(kept(), { recursive: true, force: true });
    await json('builder');
    const late = { run: 'run_late', ms: START + 10 * DAY + 11 * HOUR, host: 'late.example' };
    await writeLogFiles(join(home.paths.logs, 'local'), drafts([...calls(), late]));
    const { stdout } = await tally('builder', '--json');
    assert.match(stdout, /late\.example/);
    assert.equal(stdout, (await tally('builder', '--json', '--no-cache')).stdout);
  });
});

describe('tally baseline', () => {
  it('has a line for each agent, the most unusual first', async () => {
    const { stdout } = await tally();
    const [header, first, second] = stdout.split('\n');
    assert.match(header ?? '', /^AGENT +SCORE +RUNS +DAYS +MOST UNUSUAL NOW$/);
    assert.match(first ?? '', /^builder +0\.9\d +\d+ +30 {2}\S/);
    assert.match(second ?? '', /^newcomer +- +3 +1 {2}learning: 3 of 10 runs$/);
    const { agents } = JSON.parse((await tally('--json')).stdout) as { agents: { agent: string }[] };
    assert.deepEqual(
      agents.map(({ agent }) => agent),
      ['builder', 'newcomer'],
    );
  });

  it('says so when no agent did anything in the window', async () => {
    const { stdout, code } = await home.tally(['baseline', '--at', '2020-01-01']);
    assert.deepEqual([stdout, code], ['no entry of an agent in 30 days (--window, --now, --at)\n', 0]);
  });
});
