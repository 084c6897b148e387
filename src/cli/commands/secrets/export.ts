/** All values of a profile at once, for a shell, a file or a program. Recorded before the first one is fetched. */

import { accessed } from '../../../capture/secrets/access.ts';
import { EXPORT_FORMATS, type ExportFormat, formatOf } from '../../../capture/secrets/export.ts';
import {
  type ProfileState,
  resolveProfile,
  visibleSecrets,
  wipeProfile,
} from '../../../capture/secrets/profile.ts';
import { TallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { safe } from '../../output/safe.ts';
import { type AccessOptions, openContextSecrets, providerOf, wantedBy } from '../../secrets.ts';

export interface ExportOptions extends AccessOptions {
  readonly format?: string;
  readonly scope?: string;
  readonly reveal?: boolean;
}

export async function exportSecrets(context: Context, options: ExportOptions): Promise<void> {
  const format = checkedFormat(options.format ?? 'shell');
  if (context.stdout.isTTY && options.reveal !== true)
    throw new TallyError('USAGE', 'values are not shown on a terminal unless you ask for it', {
      hint: 'eval "$(tally secrets export)", or redirect it to a file, or --reveal',
    });
  const opened = await openContextSecrets(context, options, { operator: false });
  try {
    const { manifest, profile = 'default', providers, door } = opened;
    if (manifest === undefined)
      throw new TallyError(
        'NOT_FOUND',
        'there is no secretspec.toml here or above, so nothing says what to export',
        {
          hint: 'go to the project, or name its manifest: --file PATH',
          details: { kind: 'manifest_missing' },
        },
      );
    const scope = options.scope ?? context.env.SECRETSPEC_SCOPE;
    const keys = visibleSecrets(manifest, profile, scope).map(({ name }) => name);
    const wanted = { operation: 'export', keys, ...wantedBy(context, opened, options) } as const;
    await accessed(door, wanted, async () => {
      const state = await resolveProfile(manifest, profile, providers, {
        scope,
        provider: providerOf(context, options),
      });
      try {
        requireWhole(state);
        const recorder = opened.session()?.recorder;
        const values = state.secrets.flatMap(({ secret, ...found }) =>
          'resolved' in found && found.resolved.value !== undefined
            ? [{ name: secret.name, value: found.resolved.value }]
            : [],
        );
        for (const { name, value } of values) recorder?.secrets.set(name, value.toString('utf8'));
        const bytes = formatOf(format, values);
        await context.stdout.write(bytes);
        bytes.fill(0);
        return { result: undefined, found: 'found', metadata: { format, values: values.length } };
      } finally {
        wipeProfile(state);
      }
    });
  } finally {
    await opened.close();
  }
}

function checkedFormat(name: string): ExportFormat {
  const found = EXPORT_FORMATS.find((format) => format === name);
  if (found !== undefined) return found;
  throw new TallyError('USAGE', `there is no format ${safe(name)}`, {
    hint: `there are ${EXPORT_FORMATS.join(', ')}`,
  });
}

/** Half an environment is worse than none: whatever reads it would go on with it. */
export function requireWhole(state: ProfileState): void {
  for (const found of state.secrets) if ('failure' in found) throw found.failure;
  const [group] = state.groups;
  if (group !== undefined)
    throw new TallyError('SECRET_NOT_FOUND', `group ${safe(group.group)}: ${safe(group.what)}`, {
      hint: 'tally secrets check shows what there is',
    });
  if (state.missing.length > 0)
    throw new TallyError('SECRET_NOT_FOUND', `missing: ${state.missing.map(safe).join(', ')}`, {
      hint: `tally secrets set ${safe(state.missing[0] ?? '')}`,
    });
}
