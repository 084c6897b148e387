/** The destinations of alerts in `config.yaml`. Putting the change on record comes before this, and is the caller's. */
import { isMap, isSeq } from 'yaml';
import { TallyError } from '../core/error.ts';
import { loadConfig } from '../open/config.ts';
import { type DestinationSetting, DestinationSettingSchema } from '../sink/setting.ts';
import { type ConfigPaths, editConfig, whileLocked } from './config-edit.ts';

/** In the order of the file. Throws BAD_CONFIG. */
export function listDestinations(paths: ConfigPaths): readonly DestinationSetting[] {
  return loadConfig(paths.configFile).alerts?.destinations ?? [];
}

/** Checks it as the file is checked, without writing. Throws USAGE, in words that quote no URL. */
export function checkNewDestination(paths: ConfigPaths, destination: unknown): DestinationSetting {
  const parsed = DestinationSettingSchema.safeParse(destination);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TallyError(
      'USAGE',
      `${issue?.path.join('.') || 'destination'}: ${issue?.message ?? 'not a destination'}`,
      { hint: 'tally alerts add --help shows an example of each type' },
    );
  }
  const { name } = parsed.data;
  if (listDestinations(paths).some((one) => one.name === name))
    throw new TallyError('USAGE', `there is a destination ${name} already`, {
      hint: `take another name, or remove that one first: tally alerts remove ${name}`,
    });
  return parsed.data;
}

/** Adds it at the end. Resolved: the file is durable, and reads back with it. */
export async function addDestination(paths: ConfigPaths, destination: unknown): Promise<void> {
  await whileLocked(paths, async () => {
    const checked = checkNewDestination(paths, destination);
    await editConfig(paths, (doc) => {
      if (!isMap(doc.get('alerts'))) doc.set('alerts', doc.createNode({}));
      const alerts = doc.get('alerts');
      if (isMap(alerts)) alerts.flow = false;
      if (!isSeq(doc.getIn(['alerts', 'destinations'])))
        doc.setIn(['alerts', 'destinations'], doc.createNode([]));
      const list = doc.getIn(['alerts', 'destinations']);
      if (isSeq(list)) list.flow = false;
      doc.addIn(['alerts', 'destinations'], doc.createNode(checked));
    });
  });
}

export async function removeDestination(paths: ConfigPaths, name: string): Promise<void> {
  await whileLocked(paths, async () => {
    const at = listDestinations(paths).findIndex((one) => one.name === name);
    if (at === -1) throw noSuchDestination(name, listDestinations(paths));
    await editConfig(paths, (doc) => {
      doc.deleteIn(['alerts', 'destinations', at]);
    });
  });
}

export function noSuchDestination(name: string, all: readonly DestinationSetting[]): TallyError {
  const known = all.map((one) => one.name).join(', ');
  return new TallyError('NOT_FOUND', `no destination is called ${name}`, {
    hint: known === '' ? 'none is configured: tally alerts add --help' : `there are: ${known}`,
  });
}
