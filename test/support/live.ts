/** A real recorder on a disk with its HTTP server. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compilePolicy } from '../../src/core/policy/load.ts';
import { makeKeyPair, signerFromSkey } from '../../src/core/tlog/key.ts';
import { createLog } from '../../src/recorder/create.ts';
import { openRecorder } from '../../src/recorder/open.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { serveTiles } from '../../src/server/tiles-http.ts';
import { fileObjects } from '../../src/store/file/objects.ts';
import { fileReader } from '../../src/store/file/reader.ts';
import { fileSlices } from '../../src/store/file/slices.ts';
import { openFileStore } from '../../src/store/file/store.ts';

export const SDK = { surface: 'sdk', assurance: 'observed' } as const;

export const point = (recorder: LocalRecorder, note: string) =>
  recorder.record({ type: 'note', phase: 'point', metadata: { note } }, SDK);

/** Short segments, which are sealed behind it. What has to be ended is put to `ends`. */
export async function liveMachine(
  ends: (() => Promise<unknown> | unknown)[],
  options: { readonly segmentEntries?: number } = {},
) {
  const directory = await mkdtemp(join(tmpdir(), 'tally-live-'));
  ends.push(() => rm(directory, { recursive: true, force: true }));
  const { skey, vkey } = makeKeyPair('test.example/local', randomBytes(32));
  const signer = signerFromSkey(skey);
  const heads = fileObjects(join(directory, 'heads'));
  const info = {
    format: 1 as const,
    tenant: 'local',
    origin: 'test.example/local',
    keys: [{ vkey, from: 0 }],
    created: '2026-01-01T00:00:00.000Z',
  };
  const log = join(directory, 'log');
  await createLog({ store: await openFileStore(log), heads, name: 'local', info, signer });

  async function start(port = 0) {
    const recorder = await openRecorder({
      tenant: 'local',
      name: 'local',
      version: '0',
      store: await openFileStore(log),
      heads,
      registry: fileObjects(join(directory, 'registry')),
      info,
      signer,
      masterKey: new Uint8Array(32),
      policy: compilePolicy('version: "1"\nallowlist: [api.example.com]\n', { id: 'local' }),
      now: Date.now,
      random: (size) => randomBytes(size),
      segmentEntries: options.segmentEntries ?? 256,
    });
    const errors: unknown[] = [];
    const server = await serveTiles({
      name: 'local',
      reader: fileReader(log),
      port,
      onError: (error) => errors.push(error),
      live: {
        name: 'local',
        origin: 'test.example/local',
        signed: recorder.signed,
        onDurable: recorder.onDurable,
        slices: fileSlices(log),
        now: Date.now,
      },
    });
    let open = true;
    const stop = async (): Promise<void> => {
      if (!open) return;
      open = false;
      await recorder.close('test');
      await server.close();
    };
    ends.push(stop);
    return { recorder, server, tail: server.tail ?? '', errors, stop };
  }
  return { log, start };
}
