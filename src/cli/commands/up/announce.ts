import type { Session } from '../../../open.ts';
import type { Context } from '../../context.ts';
import { counted, factLines } from '../../facts.ts';
import { safe, safeJsonText } from '../../output/safe.ts';

interface Announcement {
  readonly session: Session;
  readonly url: string | undefined;
  /** Where the log is served over HTTP. */
  readonly tiles: string | undefined;
  /** Where it is followed live. */
  readonly tail: string | undefined;
  /** Where decisions are asked for. */
  readonly api: string | undefined;
  /** Where hooks of Claude Code post. */
  readonly hooks: string | undefined;
  /** Where OTLP is sent. */
  readonly otlp: string | undefined;
  readonly json: boolean;
}

/** Printed when calls can be made: whoever waits for this line need not try. */
export async function announce(
  context: Context,
  { session, url, tiles, tail, api, hooks, otlp, json }: Announcement,
): Promise<void> {
  const { stdout, paths, version } = context;
  const status = await session.ask('status', {});
  const { directory } = await context.openReader();
  if (json) {
    const ready = {
      ...(url === undefined ? {} : { proxy_url: url, proxy_socket: paths.proxySocket }),
      ...(tiles === undefined ? {} : { tiles_url: tiles }),
      ...(tail === undefined ? {} : { tail_url: tail }),
      ...(api === undefined ? {} : { api_url: api }),
      ...(hooks === undefined ? {} : { hooks_url: hooks }),
      ...(otlp === undefined ? {} : { otlp_url: otlp }),
      pid: status.pid,
      version,
      log: directory,
      origin: status.origin,
      vkey: status.vkey,
      entries: status.size,
      policy: { file: paths.policyFile, ...status.policy },
    };
    return stdout.line(safeJsonText(JSON.stringify(ready)));
  }
  const { bold, green } = stdout.style;
  const hosts = session.recorder?.policy().compiled.allowlist.length ?? 0;
  await stdout.line(`${bold('tally')} ${safe(version)} ${green('is recording')}`);
  const lines = factLines(
    [
      ['broker', url === undefined ? 'off' : bold(url)],
      ['log', `${directory}  (${counted(status.size, 'entry', 'entries')})`],
      [
        'policy',
        `${paths.policyFile}  (version ${safe(status.policy.version)}, ${hosts === 0 ? 'allows no host yet' : counted(hosts, 'host')})`,
      ],
      ['tiles', tiles === undefined ? undefined : `${tiles}/checkpoint`],
      ['live', tail],
      ['api', api === undefined ? undefined : `${api}/decisions`],
      ['otlp', otlp],
      ['verifier', safe(status.vkey)],
      ['try', hosts === 0 ? 'tally policy allow HOST' : 'tally call --url https://HOST/… --bearer KEY'],
      ['look', 'tally log tail'],
    ],
    stdout,
  );
  for (const line of lines) await stdout.line(line);
}
