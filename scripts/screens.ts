/**
 * Screens for people to look at: a log of a week, made by the real recorder, and the real commands in a terminal of 80
 * and of 160 columns. Writes docs/screens. Needs `npm run build` and tmux.
 *
 *     node scripts/screens.ts [DIRECTORY]
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../src/cli/table.ts';
import { type Story, writeStory } from '../test/support/story.ts';
import { toSvg } from './screens/svg.ts';
import { openTerminal } from './screens/terminal.ts';

interface Screen {
  readonly name: string;
  readonly about: string;
  readonly args: readonly string[];
  readonly columns?: readonly number[];
}

const COLUMNS = [80, 160] as const;

function screensOf({ runs, asked }: Story): readonly Screen[] {
  const [call] = asked;
  return [
    { name: 'list', about: 'the newest calls and events', args: ['log', 'list', '-n', '15'] },
    {
      name: 'list-narrow',
      about: 'what failed, on a phone',
      args: ['log', 'list', '--failed', '-n', '6'],
      columns: [40],
    },
    {
      name: 'list-empty',
      about: 'a name that the log does not have',
      args: ['log', 'list', '--agent', 'bulider'],
      columns: [80],
    },
    { name: 'summary', about: 'a week in numbers', args: ['log', 'summary', '--by', 'agent,host,reason'] },
    {
      name: 'history',
      about: 'all that one agent did',
      args: ['log', 'history', 'bookkeeper', '--top', '4'],
    },
    ...(COMMANDS.some(({ name }) => name === 'baseline')
      ? [{ name: 'baseline', about: 'what is usual for an agent', args: ['baseline', 'bookkeeper'] }]
      : []),
    { name: 'runs', about: 'runs, newest first', args: ['log', 'runs', '-n', '8'] },
    {
      name: 'run',
      about: 'a run with an approval that was given, and one that was not',
      args: ['log', 'run', runs.books],
    },
    { name: 'run-delegated', about: 'agents that hand work to others', args: ['log', 'run', runs.research] },
    { name: 'run-open', about: 'a run that did not end', args: ['log', 'run', runs.open], columns: [80] },
    {
      name: 'show',
      about: 'one call: its decision, its approval, its proof',
      args: ['log', 'show', String(call ?? 0)],
    },
  ];
}

async function main(directory: string): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'tally-screens-'));
  const terminal = openTerminal(`tally-screens-${process.pid}`, {
    PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
    HOME: home,
    TALLY_HOME: home,
    XDG_RUNTIME_DIR: join(home, 'r'),
    LANG: 'C.UTF-8',
    TZ: 'UTC',
  });
  try {
    const story = await writeStory(home);
    await mkdir(directory, { recursive: true });
    const shown: string[] = [];
    for (const { name, about, args, columns = COLUMNS } of screensOf(story)) {
      const line = `tally ${args.join(' ')}`;
      shown.push(`## ${about}\n\n    ${line}\n`);
      for (const width of columns) {
        const text = await terminal.show(args, width);
        const file = `${name}-${width}`;
        await writeFile(join(directory, `${file}.svg`), toSvg(`$ ${line}\n${text}`, width));
        // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are taken out
        await writeFile(join(directory, `${file}.txt`), `${text.replace(/\u001b\[[\d;]*m/g, '')}`);
        shown.push(`${width} columns ([text](${file}.txt)):\n\n![${about}, ${width} columns](${file}.svg)\n`);
        process.stderr.write(`${file}\n`);
      }
    }
    await writeFile(join(directory, 'README.md'), `${INTRODUCTION}\n${shown.join('\n')}`);
  } finally {
    await terminal.close();
    await rm(home, { recursive: true, force: true });
  }
}

const INTRODUCTION = `# Screens

What the reading commands show of one week: three agents, two people, two thousand entries, made by the real recorder and
read by the real program in a terminal. \`node scripts/screens.ts\` makes them again.
`;

await main(process.argv[2] ?? fileURLToPath(new URL('../docs/screens', import.meta.url)));
