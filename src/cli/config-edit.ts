/** Changes to `config.yaml`. A person wrote that file: comments and order stay, and it is replaced as a whole or not at all. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isMap, parseDocument } from 'yaml';
import { YAML_OPTIONS } from '../core/policy/document.ts';
import { parseConfig } from '../open/config.ts';
import type { Paths } from '../paths.ts';
import { errno, makeDirectory, replaceFile, syncDirectory } from '../store/file/fs.ts';
import { oneAtATime } from './one-at-a-time.ts';

export type ConfigPaths = Pick<Paths, 'configFile' | 'state'>;

/**
 * Resolved: the file is durable, 0600, and reads back. Throws BAD_CONFIG when what `change` makes of it would not; the
 * file is then unchanged.
 */
export async function editConfig(
  paths: ConfigPaths,
  change: (doc: ReturnType<typeof parseDocument>) => void,
): Promise<void> {
  const { configFile } = paths;
  const before = readText(configFile);
  const parsed = parseDocument(before, YAML_OPTIONS);
  // A file of comments only has nothing to add to yet.
  const doc = isMap(parsed.contents)
    ? parsed
    : parseDocument(`${before.trimEnd()}\n{}\n`.trimStart(), YAML_OPTIONS);
  if (isMap(doc.contents)) doc.contents.flow = false;
  change(doc);
  const text = doc.toString({ lineWidth: 0 });
  // What is written must be what the next start reads: a setting that is lost here would be lost unseen.
  parseConfig(text, configFile);
  await makeDirectory(dirname(configFile));
  await replaceFile(configFile, Buffer.from(text), true);
  await syncDirectory(dirname(configFile));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT') return '';
    throw error;
  }
}

/** Of two additions at once, both are in the file. */
export function whileLocked<T>({ state }: ConfigPaths, body: () => Promise<T>): Promise<T> {
  return oneAtATime({ directory: state, file: 'config', what: 'the configuration' }, body);
}
