/** Opens the log of an epoch with its drivers and keys, making it when it is new; refuses one that lost a part. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { TallyError } from '../core/error.ts';
import { type LogInfo, parseLogInfo } from '../core/loginfo.ts';
import { payloadPolicy } from '../core/payload/policy.ts';
import { createRedactor } from '../core/redact/redact.ts';
import {
  dataKeysDirectory,
  isBegun,
  logName,
  MASTER_KEY_ANEW,
  masterKey,
  notBegun,
  refuseWiped,
  signingKey,
  signingKeys,
} from '../home.ts';
import { TENANT } from '../paths.ts';
import { createLog } from '../recorder/create.ts';
import { openRecorder } from '../recorder/open.ts';
import type { LocalRecorder } from '../recorder/recorder.ts';
import { fileDataKeys } from '../store/file/data-keys.ts';
import { fileObjects } from '../store/file/objects.ts';
import { filePacks } from '../store/file/packs.ts';
import { openFileStore } from '../store/file/store.ts';
import { packageVersion } from '../version.ts';
import { ALERTS_MARK } from './alerts/mark.ts';
import { random } from './lock.ts';
import type { WriterOptions } from './options.ts';
import { loadPolicy } from './policy-file.ts';
import { machineOwner } from './whoami.ts';

export const VERSION = packageVersion();

/** Key names have no white space and no "+"; a machine may be called anything. */
export function originOf(epoch: number): string {
  const host = hostname().replaceAll(/[^A-Za-z0-9.-]+/g, '-') || 'localhost';
  return epoch === 1 ? `${host}/${TENANT}` : `${host}/${TENANT}/${epoch}`;
}

/** Opens log `epoch`, making it when it is new. The caller holds the lock. */
export async function openLog(
  options: WriterOptions,
  epoch: number,
  continues?: LogInfo['continues'],
): Promise<LocalRecorder> {
  const { paths } = options;
  const name = logName(epoch);
  const heads = fileObjects(paths.heads);
  const store = await openFileStore(join(paths.logs, name));
  const stored = await store.objects.get('log.json');
  const pinned = await heads.get(`${name}/vkey`);
  const hasEntries = (await store.segments()).some(({ bytes }) => bytes > 0);
  // It would hide the log before it, which it does not cite.
  if (continues === undefined && !hasEntries && !(await isBegun(heads, epoch))) throw notBegun(paths, epoch);
  let info: LogInfo;
  if (stored !== undefined) info = parseLogInfo(stored);
  else {
    // A new one under its name would hide that it was removed.
    await refuseWiped(store, heads, name);
    const signer = await signingKey(paths, name, originOf(epoch), random);
    info = {
      format: 1,
      tenant: TENANT,
      origin: signer.name,
      keys: [{ vkey: signer.vkey, from: 0 }],
      created: new Date().toISOString(),
      ...(continues === undefined ? {} : { continues }),
    };
  }
  if (pinned === undefined && hasEntries) {
    throw new TallyError('LOG_DAMAGED', 'the log has entries, but this machine no longer remembers its key', {
      hint: `restore ${join(paths.heads, name)} from a backup; after an honest loss, \`tally log continue --reason …\` starts a new log that cites this one`,
    });
  }
  if (pinned === undefined) {
    const signer = await signingKey(paths, name, info.origin, undefined);
    await createLog({ store, heads, name, info, signer });
  } else if (Buffer.from(pinned).toString('utf8').trim() !== info.keys[0]?.vkey) {
    throw new TallyError('LOG_DAMAGED', 'log.json names another first key than the one that was remembered', {
      hint: 'somebody replaced log.json; compare it with a backup, and run `tally verify --key` with the key you trust',
    });
  }
  const { signer, files } = await signingKeys(paths, name, random);
  const master = await masterKey(paths, random);
  const recorder = await openRecorder({
    tenant: TENANT,
    name,
    version: VERSION,
    store,
    heads,
    registry: fileObjects(paths.registry),
    info,
    signer,
    keyFiles: files,
    masterKey: master.key,
    policy: await loadPolicy(paths, options.onWarning),
    payloads: {
      packs: filePacks(join(paths.logs, name)),
      keys: fileDataKeys(dataKeysDirectory(paths)),
      policy: payloadPolicy(options.payloads),
    },
    ...(options.allowObserve === undefined ? {} : { allowObserve: options.allowObserve }),
    ...(options.redactFields === undefined
      ? {}
      : { redactor: createRedactor({ names: options.redactFields }) }),
    ...(options.segmentEntries === undefined ? {} : { segmentEntries: options.segmentEntries }),
    ...(options.brief === undefined ? {} : { brief: options.brief }),
    owner: machineOwner(),
    now: Date.now,
    monotonic: () => performance.now(),
    onWarning: options.onWarning,
    random,
    about: {
      ...(options.alerts?.background === true && options.alerts.settings().enabled ? ALERTS_MARK : {}),
      pid: process.pid,
      host: hostname(),
      node: process.versions.node,
      platform: process.platform,
    },
  });
  const left = recorder.notErased();
  if (left !== undefined) options.onWarning(`a private key that signs no more is still there: ${left}`);
  if (master.made && hasEntries) {
    options.onWarning(
      'the master key of this log was gone, and another one was made: arguments of older entries cannot be compared with new ones. Restore keys/ from a backup if you have one',
    );
    await recorder.record(
      { type: 'config.change', phase: 'point', metadata: { changed: MASTER_KEY_ANEW } },
      { surface: 'server', assurance: 'observed' },
    );
  }
  return recorder;
}
