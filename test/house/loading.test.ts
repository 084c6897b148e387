/** What a command loads before it does anything, read off the imports: each module costs a fifth of a millisecond. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { importsOf, packageOf, resolve } from './imports.ts';
import { readSources } from './source.ts';

const LOADING: ReadonlySet<string> = new Set(['static', 'side-effect', 're-export']);
const imports = new Map(readSources('src').map((source) => [source.path, importsOf(source)]));

interface Loaded {
  readonly files: ReadonlySet<string>;
  readonly packages: ReadonlySet<string>;
}

/**
 * Everything that `stages` load, each with all that it imports. The first is loaded by the start of the program, each other
 * one when something before it asks for it.
 */
function loadedBy(stages: readonly string[]): Loaded {
  const files = new Set<string>();
  const packages = new Set<string>();
  const asked = new Set(stages.slice(0, 1));
  function load(path: string): void {
    if (files.has(path)) return;
    files.add(path);
    for (const { kind, specifier } of imports.get(path) ?? []) {
      if (specifier === undefined) continue;
      if (kind === 'dynamic') asked.add(resolve(path, specifier));
      if (!LOADING.has(kind)) continue;
      if (specifier.startsWith('.')) load(resolve(path, specifier));
      else packages.add(packageOf(specifier));
    }
  }
  for (const stage of stages) {
    assert.ok(imports.has(stage), `there is no ${stage}`);
    assert.ok(asked.has(stage), `nothing that is loaded before it asks for ${stage}`);
    load(stage);
  }
  return { files, packages };
}

function among({ files, packages }: Loaded, pattern: RegExp): readonly string[] {
  return [...files, ...packages].filter((name) => pattern.test(name));
}

const MAIN = 'src/cli/main.ts';
const FRAME = [MAIN, 'src/cli/context.ts', 'src/cli/output/failure.ts', 'src/cli/help.ts'];

describe('what is loaded', () => {
  it('for the version is next to nothing: editors and shells ask for it at every start', () => {
    const { files, packages } = loadedBy([MAIN]);
    assert.ok(files.size <= 4, [...files].join(' '));
    assert.deepEqual(
      [...packages].filter((name) => !name.startsWith('node:')),
      [],
    );
  });

  it('for one secret is the recorder and the policy, and nothing that is for a log or a machine that lives longer', () => {
    const loaded = loadedBy([
      ...FRAME,
      'src/cli/commands/secrets.ts',
      'src/cli/commands/secrets/get.ts',
      'src/cli/session.ts',
      'src/open/writer.ts',
      'src/recorder/brief-service.ts',
      'src/cli/ungoverned-told.ts',
      'src/capture/secrets/providers/local.ts',
    ]);
    // Rules are compiled, configurations and policies read, and the whole service is made where there is something to.
    const others =
      /^(yaml|undici|@marcbachmann\/cel-js|src\/(anchor|index|net|sink|sdk|plugins|server\/(api|live|witness)|core\/(alert|baseline|export|import|live|replay|view))\/.*|src\/(open\/(config|indexing|alerts|anchors|retention)|recorder\/(service|prune|erase|payloads|imports|runs)|store\/file\/(seal|sealed|zstd)|cli\/operator|core\/policy\/(load|snapshot|snapshot-schema|document|cel\/compile))\.ts)$/;
    assert.deepEqual(among(loaded, others), []);
    assert.ok(
      loaded.files.size <= 300,
      `${loaded.files.size} files: load what a single access does not need where it is needed`,
    );
  });

  it('for one secret beside a recorder that runs is what asks it: no shape is checked here', () => {
    const { files, packages } = loadedBy([
      ...FRAME,
      'src/cli/commands/secrets.ts',
      'src/cli/commands/secrets/get.ts',
      'src/cli/session.ts',
      'src/cli/ungoverned-told.ts',
      'src/capture/secrets/providers/local.ts',
    ]);
    const own = [...packages].filter((name) => !name.startsWith('node:'));
    assert.deepEqual(own, ['commander']);
    assert.ok(files.size <= 100, `${files.size} files`);
  });

  it('for a list of the log is its index, and none of the other commands of the log', () => {
    const loaded = loadedBy([
      ...FRAME,
      'src/cli/commands/log.ts',
      'src/cli/commands/log/list.ts',
      'src/reader.ts',
      'src/open/query.ts',
    ]);
    const others =
      /^(yaml|undici|@marcbachmann\/cel-js|src\/(anchor|capture\/proxy|sink|server)\/.*|src\/(recorder\/(open|service)|open\/(config|writer)|cli\/(prove|verifying|verify-parallel|published)|cli\/commands\/log\/(show|export|verify|replay|publish|tail))\.ts)$/;
    assert.deepEqual(among(loaded, others), []);
  });

  it('for a hook of a coding agent is what posts it', () => {
    const loaded = loadedBy([...FRAME, 'src/cli/commands/hook.ts', 'src/cli/commands/hook/claude-code.ts']);
    assert.deepEqual(
      among(loaded, /^(yaml|undici|node:sqlite|src\/(recorder|index|server|sink|anchor)\/.*)$/),
      [],
    );
  });

  it('for the status of a machine is what looks, and nothing that records, sends or compiles', () => {
    const loaded = loadedBy([...FRAME, 'src/cli/commands/status.ts']);
    const others =
      /^(undici|@marcbachmann\/cel-js|src\/(capture\/proxy|server)\/.*|src\/net\/post\.ts|src\/(recorder\/(open|service)|open\/(writer|log|indexing|anchors)|core\/policy\/(load|snapshot))\.ts)$/;
    assert.deepEqual(among(loaded, others), []);
  });
});
