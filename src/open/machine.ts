/** The machine's configuration, with the reader of it loaded only where there is one. */
import { existsSync } from 'node:fs';
import type { MachineConfig } from './config.ts';

/** Throws BAD_CONFIG. */
export async function machineConfig(path: string): Promise<MachineConfig> {
  if (!existsSync(path)) return { allow_observe: false, anchors: [] };
  const { loadConfig } = await import('./config.ts');
  return loadConfig(path);
}
