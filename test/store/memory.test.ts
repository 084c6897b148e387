import { memoryDisk, openMemoryStore } from '../../src/store/memory.ts';
import { storeSuite } from '../suites/store.ts';

storeSuite('memory store', async () => {
  const disk = memoryDisk();
  return { open: async () => openMemoryStore(disk), cleanUp: async () => undefined };
});
