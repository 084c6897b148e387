/**
 * The program `tally`. Loads the command that was called and nothing else, and turns whatever goes wrong into one
 * clear message and an exit code.
 */
import type { Command, CommanderError } from 'commander';
import { TallyError } from '../core/error.ts';
import { packageVersion } from '../version.ts';
import { COMMANDS } from './table.ts';

/** Runs the command line. Never rejects; the outcome is in `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  const args = helpOf(argv.slice(2));
  const version = packageVersion();
  // Before anything else is loaded: this is what editors and shells call on every start.
  if (args[0] === '--version' || args[0] === '-V') {
    process.stdout.write(`${version}\n`);
    return;
  }
  const [{ createContext }, { printFailure }] = await Promise.all([
    import('./context.ts'),
    import('./output/failure.ts'),
  ]);
  const context = await createContext(args, version);
  const options = { json: context.json, debug: truthy(context.env.TALLY_DEBUG) };
  const fail = (error: unknown): void => context.exit(printFailure(error, context.stderr, options));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      fail(error);
      // State is unknown from here on; what was acknowledged is durable.
      process.exit();
    });
  }

  try {
    await run(args, context);
  } catch (error) {
    fail(error);
  }
  if (context.stdout.failure !== undefined) {
    fail(
      new TallyError('INTERNAL', `cannot write the output: ${context.stdout.failure.message}`, {
        hint: 'the output is not complete; check where it goes (disk full?)',
      }),
    );
  }
}

function truthy(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0';
}

type Context = Awaited<ReturnType<typeof import('./context.ts').createContext>>;

/** `help log list` is about the command that is named in full; commander's own help stops at `log`. */
function helpOf(args: readonly string[]): readonly string[] {
  return args[0] === 'help' && args.length > 2 ? [...args.slice(1), '--help'] : args;
}

async function run(args: readonly string[], context: Context): Promise<void> {
  const [{ Command, CommanderError }, { examples, foldHelp }] = await Promise.all([
    import('commander'),
    import('./help.ts'),
  ]);
  const program = new Command('tally')
    .description('The flight recorder for AI agents: decides beforehand, records durably, proves afterwards.')
    .option('-V, --version', 'the version')
    .enablePositionalOptions()
    .helpCommand('help [command]', 'help for a command');
  examples(program, [
    ['tally up', 'start recording'],
    ['tally run -- COMMAND', 'run an agent and record what it calls'],
    ['tally log list', 'see what happened'],
    ['tally verify', 'prove that nobody changed it'],
  ]);
  const [wanted, ...words] = args[0] === 'help' ? args.slice(1) : args;
  // The others are for help, and for what was meant by a name that is none of them.
  const entries = COMMANDS.some(({ name }) => name === wanted)
    ? COMMANDS.filter(({ name }) => name === wanted)
    : COMMANDS;
  for (const entry of entries) {
    program.commandsGroup(entry.group);
    if (entry.name === wanted) {
      const { build } = await entry.load();
      program.addCommand((await build(context, COMMANDS, words)).summary(entry.summary));
    } else program.command(entry.name).summary(entry.summary).description(entry.summary);
  }

  let complaint = '';
  adopt(program, {
    writeOut: (text) => void context.stdout.write(foldHelp(text, context.stdout.width)),
    writeErr: (text) => {
      complaint += text;
    },
  });
  try {
    if (args.length === 0) program.help();
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help that was asked for is on standard output already.
    if (error.exitCode === 0) return;
    if (error.code !== 'commander.help') throw asUsage(error, called(program, args));
    // A group of commands that was called without one of them.
    await context.stderr.write(complaint);
    context.exit(2);
  }
}

interface Writers {
  writeOut(text: string): void;
  writeErr(text: string): void;
}

/** Settings that commander gives only to commands it made itself. */
function adopt(command: Command, writers: Writers): void {
  command
    .exitOverride()
    .configureOutput({ ...writers, outputError: () => undefined })
    .configureHelp({ showGlobalOptions: false });
  for (const child of command.commands) adopt(child, writers);
}

/** `log list`: the command whose help tells what was meant. */
function called(program: Command, args: readonly string[]): string {
  const names: string[] = [];
  let at = program;
  for (const arg of args) {
    const next = at.commands.find((command) => command.name() === arg || command.aliases().includes(arg));
    if (next !== undefined) {
      names.push(next.name());
      at = next;
    } else if (!arg.startsWith('-')) break;
  }
  return names.join(' ');
}

/** "error: unknown option '--jsn'\n(Did you mean --json?)" → message and hint. */
function asUsage(error: CommanderError, command: string): TallyError {
  const [first = '', ...rest] = error.message.split('\n');
  const suggestion = /^\((.*)\)$/.exec(rest.join(' ').trim())?.[1];
  const help = command === '' ? '`tally --help` lists the commands' : `see \`tally ${command} --help\``;
  return new TallyError('USAGE', first.replace(/^error: /, ''), {
    hint: suggestion === undefined ? help : `${suggestion} (${help})`,
  });
}
