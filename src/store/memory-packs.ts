import type { DataKeyStore, PackStore } from '../core/ports.ts';

/** Same contract as the files, nothing durable. Handing the same map to a new store is a restart. */
export function memoryPacks(packs = new Map<number, Buffer>()): PackStore {
  return {
    async packs() {
      return [...packs]
        .map(([first, bytes]) => ({ first, bytes: bytes.length }))
        .sort((a, b) => a.first - b.first);
    },
    async readPack(first, offset, length) {
      const bytes = packs.get(first);
      return bytes === undefined ? undefined : new Uint8Array(bytes.subarray(offset, offset + length));
    },
    async writePack(first, offset, bytes) {
      const before = packs.get(first) ?? Buffer.alloc(0);
      const after = Buffer.alloc(Math.max(before.length, offset + bytes.length));
      before.copy(after);
      after.set(bytes, offset);
      packs.set(first, after);
    },
    async removeBefore(to) {
      for (const first of [...packs.keys()]) if (first < to) packs.delete(first);
    },
    async close() {},
  };
}

export function memoryDataKeys(keys = new Map<string, Uint8Array>()): DataKeyStore {
  return {
    async get(keyId) {
      const bytes = keys.get(keyId);
      return bytes === undefined ? undefined : new Uint8Array(bytes);
    },
    async put(keyId, bytes) {
      keys.set(keyId, new Uint8Array(bytes));
    },
    async erase(keyId) {
      keys.delete(keyId);
    },
    async list() {
      return [...keys.keys()].sort();
    },
  };
}
