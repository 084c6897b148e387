import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples, portNumber } from '../help.ts';
import { type UpOptions, up } from './up/up.ts';

export function build(context: Context): Command {
  return examples(
    new Command('up')
      .description('Starts the recorder and the broker, and stays. Ctrl-C ends it cleanly.')
      .option(
        '--port <port>',
        'of the broker, on 127.0.0.1 (default: TALLY_PORT, the configuration, or 8765; 0: any)',
        portNumber,
      )
      .option('--no-broker', 'record for programs on this machine only, through the socket')
      .option('--no-tiles', 'do not serve the log over HTTP on 127.0.0.1:7700 (TALLY_UI_PORT)')
      .option('--no-watch', 'do not take up changes of the policy file by itself')
      .option('--background', 'return when it is ready; tally down ends it')
      .option('--json', 'one line of JSON when it is ready'),
    [
      ['tally up', 'start here, and leave it running'],
      ['tally up --background', 'for a script; tally down ends it'],
      ['TALLY_PORT=9000 tally up', 'on another port'],
    ],
  ).action(async ({ background, ...options }: UpOptions & { readonly background?: boolean }) => {
    if (background !== true) return up(context, options);
    const { upInBackground } = await import('./up/background.ts');
    await upInBackground(context, wordsOf(options), { json: options.json === true });
  });
}

/** The same options again, for the process that stays. */
function wordsOf({ port, broker, tiles, watch }: UpOptions): readonly string[] {
  return [
    ...(port === undefined ? [] : ['--port', String(port)]),
    ...(broker ? [] : ['--no-broker']),
    ...(tiles ? [] : ['--no-tiles']),
    ...(watch ? [] : ['--no-watch']),
  ];
}
