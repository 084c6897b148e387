/** What would be removed now, looked at without a lock and without a recorder: nothing is started or changed. */
import { TallyError } from '../core/error.ts';
import { subjectHasher } from '../core/payload/key-names.ts';
import type { RetentionSetting } from '../core/retention/setting.ts';
import { openCheckpoint } from '../core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../core/tlog/key.ts';
import { dataKeysDirectory, storedMasterKey } from '../home.ts';
import type { Paths } from '../paths.ts';
import { openReader } from '../reader.ts';
import { type EraseGround, type EraseWhat, type Found, findKeys } from '../recorder/erase-find.ts';
import { planOf } from '../recorder/prune-plan.ts';
import { loadProjection } from '../recorder/registry.ts';
import type { DuePayloads, RetentionPlan } from '../recorder/retention-ops.ts';
import { fileDataKeys } from '../store/file/data-keys.ts';
import { fileObjects } from '../store/file/objects.ts';
import { dueOf } from './retention.ts';

interface Looked {
  readonly ground: EraseGround;
  readonly open: readonly number[];
  readonly opened: ReturnType<typeof openReader>;
}

async function look(paths: Paths): Promise<Looked> {
  const opened = openReader(paths);
  // What is not there yet is said as everywhere.
  await opened.logInfo();
  const projection = await loadProjection(fileObjects(paths.registry), `${opened.name}.json`, opened.reader);
  await projection.begin(Number.POSITIVE_INFINITY);
  const { registry, open } = await projection.finish(Number.POSITIVE_INFINITY);
  const master = await storedMasterKey(paths);
  return {
    opened,
    open: open.map(({ index }) => index),
    ground: {
      log: opened.reader,
      keys: fileDataKeys(dataKeysDirectory(paths)),
      holds: [...registry.current().holds.values()],
      hashSubject(subject) {
        if (master !== undefined) return subjectHasher(master)(subject);
        throw new TallyError('BAD_CONFIG', 'the master key is missing, by which subjects are known', {
          hint: 'restore keys/ from a backup',
        });
      },
    },
  };
}

/** `anchored`: entries that every configured anchor has seen. */
export async function planWithoutRecorder(
  paths: Paths,
  configured: RetentionSetting,
  anchored: number | undefined,
  nowMs: number,
): Promise<RetentionPlan> {
  const { ground, open, opened } = await look(paths);
  const info = await opened.logInfo();
  const payloads: DuePayloads[] = [];
  for (const { name, days, ...what } of dueOf(configured, nowMs)) {
    const { keys, held } = await findKeys(what, ground);
    payloads.push({ class: name, days, keys: keys.length - held.length, held: held.length });
  }
  const entries = await planOf(
    { rule: configured.entries ?? {}, anchored: configured.anchored === false ? undefined : anchored },
    {
      ...ground,
      packs: opened.packs,
      open,
      nowMs,
      async signed() {
        const note = await opened.reader.objects.get('checkpoint');
        const keys = info.keys.map(({ vkey }) => verifierFromVkey(vkey));
        return note === undefined ? 0 : openCheckpoint(note, keys).size;
      },
    },
  );
  return { configured, entries, payloads, holds: ground.holds };
}

export async function keysWithoutRecorder(paths: Paths, what: EraseWhat): Promise<Found> {
  return findKeys(what, (await look(paths)).ground);
}

export async function holdsWithoutRecorder(paths: Paths): Promise<EraseGround['holds']> {
  return (await look(paths)).ground.holds;
}
