import { invariant } from '../core/error.ts';
import { sha256Hex } from '../core/hash.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogStore, ObjectStore } from '../core/ports.ts';
import { cannotSeal, sealedIsFinal } from '../core/sealed/refusal.ts';

export function memoryObjects(objects = new Map<string, Uint8Array>()): ObjectStore {
  return {
    async get(name) {
      const bytes = objects.get(name);
      return bytes === undefined ? undefined : new Uint8Array(bytes);
    },
    async put(name, bytes) {
      objects.set(name, new Uint8Array(bytes));
    },
    async putMany(many) {
      for (const [name, bytes] of many) objects.set(name, new Uint8Array(bytes));
    },
    async remove(name) {
      objects.delete(name);
    },
    async list(prefix) {
      return [...objects.keys()].filter((name) => name.startsWith(prefix)).sort();
    },
  };
}

/** The bytes of a log in memory. Handing the same `disk` to a new store is a restart. */
export interface MemoryDisk {
  readonly objects: Map<string, Uint8Array>;
  readonly segments: Map<number, Buffer>;
  /** Those that were sealed. Nothing is gained by compressing memory: only that they are final. */
  readonly sealed: Set<number>;
  readonly torn: Map<string, Buffer>;
}

export function memoryDisk(): MemoryDisk {
  return { objects: new Map(), segments: new Map(), sealed: new Set(), torn: new Map() };
}

/** Same contract as the file store, nothing durable: for tests and for recording that may vanish. */
export function openMemoryStore(disk: MemoryDisk = memoryDisk()): LogStore {
  let target: number | undefined;
  return {
    objects: memoryObjects(disk.objects),
    async segments() {
      return [...disk.segments]
        .map(([first, bytes]) => ({ first, bytes: bytes.length, sealed: disk.sealed.has(first) }))
        .sort((a, b) => a.first - b.first);
    },
    async *read(first, offset = 0) {
      const bytes = disk.segments.get(first);
      invariant(bytes !== undefined, `segment ${first} does not exist`);
      if (offset < bytes.length) yield Buffer.from(bytes.subarray(offset));
    },
    seek: async (first) => ({ index: first, offset: 0 }),
    async openSegment(first) {
      if (disk.sealed.has(first)) throw sealedIsFinal(first);
      if (!disk.segments.has(first)) disk.segments.set(first, Buffer.alloc(0));
      target = first;
    },
    async append(bytes) {
      invariant(target !== undefined, 'append before openSegment');
      disk.segments.set(target, Buffer.concat([disk.segments.get(target) ?? Buffer.alloc(0), bytes]));
    },
    async setAside(first, offset) {
      if (disk.sealed.has(first)) throw sealedIsFinal(first);
      const bytes = disk.segments.get(first);
      invariant(bytes !== undefined, `segment ${first} does not exist`);
      const name = `${String(first).padStart(12, '0')}.jsonl.torn-${disk.torn.size}`;
      const tail = Buffer.from(bytes.subarray(offset));
      disk.torn.set(name, tail);
      if (offset === 0) disk.segments.delete(first);
      else disk.segments.set(first, Buffer.from(bytes.subarray(0, offset)));
      target = undefined;
      return { name, bytes: tail.length, sha256: sha256Hex(tail) };
    },
    async seal(first, signal) {
      signal?.throwIfAborted();
      const bytes = disk.segments.get(first);
      invariant(bytes !== undefined, `segment ${first} does not exist`);
      const lines = bytes.toString('latin1').split('\n');
      const full = lines.length > 1 && (lines.length - 1) % LIMITS.tileWidth === 0 && lines.at(-1) === '';
      if (!full) throw cannotSeal(first, 'it holds no multiple of 256 whole lines');
      disk.sealed.add(first);
    },
    async removeBefore(to) {
      for (const first of [...disk.segments.keys()].filter((one) => one < to).sort((a, b) => a - b)) {
        disk.segments.delete(first);
        disk.sealed.delete(first);
      }
      for (const name of disk.torn.keys()) if (Number.parseInt(name, 10) < to) disk.torn.delete(name);
    },
    async close() {
      target = undefined;
    },
  };
}
