/** Hooks of coding agents: where they are installed, what a recorder saw of them, and how far its records can be relied on. */
import { isBlocking } from '../../../capture/hook/settings.ts';
import { isTallyError } from '../../../core/error.ts';
import { type Install, readInstalls } from '../../../open/hooks/installs.ts';
import type { HooksServed, OpResults } from '../../../recorder/ops.ts';
import { readFileAt } from '../../claude-code/file.ts';
import { readSettings } from '../../claude-code/settings-text.ts';
import type { Context } from '../../context.ts';
import { counted, type Fact } from '../../facts.ts';
import { safe } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { formatDuration } from '../../output/time.ts';

export interface HooksStatus {
  readonly installed: readonly {
    readonly file: string;
    /**
     * What its calls are recorded as at best: `enforced` when the settings block them without a recorder (of versions that
     * can; each entry says which), `observed` when they go on.
     */
    readonly assurance: 'enforced' | 'observed';
  }[];
  /** Since the recorder started; absent while none serves them. */
  readonly served?: HooksServed & { readonly last_age_ms?: number };
}

/** Absent where nothing is installed and nothing came. */
export async function hooksStatus(
  context: Context,
  running: OpResults['status'] | undefined,
): Promise<{ readonly hooks?: HooksStatus }> {
  const installs = installed(context);
  const served = running?.hooks;
  if (installs.length === 0 && served?.last === undefined) return {};
  return {
    hooks: {
      installed: await Promise.all(
        installs.map(async (install) => ({ file: install.file, assurance: await assuranceOf(install) })),
      ),
      ...(served === undefined ? {} : { served: { ...served, ...age(context, served) } }),
    },
  };
}

/** What is wrong with the list is for `tally doctor` to tell. */
function installed({ paths }: Context): readonly Install[] {
  try {
    return readInstalls(paths);
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return [];
  }
}

async function assuranceOf({ file, token, closed }: Install): Promise<'enforced' | 'observed'> {
  if (!closed) return 'observed';
  try {
    const { path, text = '' } = await readFileAt(file);
    return isBlocking(readSettings(path, text), token) ? 'enforced' : 'observed';
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return 'observed';
  }
}

function age({ now }: Context, { last }: HooksServed): { readonly last_age_ms?: number } {
  return last === undefined ? {} : { last_age_ms: Math.max(0, now() - Date.parse(last)) };
}

export function hookFacts({ installed: all, served }: HooksStatus, style: Style): readonly Fact[] {
  return [
    [
      'claude code',
      served === undefined
        ? style.yellow('no recorder answers its hooks: tally up')
        : [
            counted(served.sessions, 'session'),
            ...(served.open_calls === 0 ? [] : [`${counted(served.open_calls, 'call')} open`]),
            served.last_age_ms === undefined
              ? 'nothing came since the recorder started'
              : `last ${formatDuration(served.last_age_ms)} ago`,
          ].join(', '),
    ],
    ...all.map(({ file, assurance }): Fact => ['', `${safe(file)}: ${assurance}`]),
  ];
}
