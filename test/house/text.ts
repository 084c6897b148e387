/** What may stand in no file of the tree, whatever its kind: it tells of the machine the work was done on. */
import { homedir } from 'node:os';
import { lineAt, ROOT, type Violation } from './source.ts';

/** Registries answer under many names; a lock file or an example must name none of them. */
const REGISTRY = [
  ['registry', 'npmjs', 'org'],
  ['registry', 'yarnpkg', 'com'],
  ['npm', 'pkg', 'github', 'com'],
  ['proxy', 'golang', 'org'],
  ['pypi', 'org'],
].map((labels) => labels.join('.'));

/** `/app` or `/root` stand in honest examples too; a folder two levels deep is somebody's. */
const tells = (folder: string): boolean => folder.split('/').filter((part) => part !== '').length >= 2;

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/** The host of the registry this machine uses, which may be nobody else's. */
function ownRegistry(environment: NodeJS.ProcessEnv): readonly string[] {
  const url = environment.npm_config_registry;
  return url === undefined ? [] : [new URL(url).host];
}

export interface Machine {
  readonly root: string;
  readonly home: string;
  readonly registries: readonly string[];
}

export const thisMachine: Machine = {
  root: ROOT.replace(/\/$/, ''),
  home: homedir(),
  registries: ownRegistry(process.env),
};

/** Absolute paths of a developer's machine and registry hosts, by line. */
export function traces(path: string, text: string, machine: Machine): readonly Violation[] {
  const folders = [machine.root, machine.home].filter(tells);
  const patterns: readonly (readonly [RegExp, string])[] = [
    ...folders.map(
      (folder) =>
        [
          new RegExp(`(?<![\\w.])${escaped(folder)}(?=[/\\s"'\`)]|$)`, 'gm'),
          'a path of this machine',
        ] as const,
    ),
    [/(?<![\w.])\/(home|Users)\/(?!user\b|you\b|me\b)[a-z][\w.-]*\//g, "a path of somebody's machine"],
    [/\b[A-Z]:\\Users\\\w/g, "a path of somebody's machine"],
    ...[...REGISTRY, ...machine.registries].map(
      (host) => [new RegExp(escaped(host), 'gi'), 'a registry host'] as const,
    ),
    ...(path.endsWith('package-lock.json') ? [[/"resolved": "https?:/g, 'a resolved URL'] as const] : []),
  ];
  return patterns.flatMap(([pattern, what]) =>
    [...text.matchAll(pattern)].map((match) => ({
      path,
      line: lineAt(text, match.index),
      what: `${what}: ${match[0]}`,
    })),
  );
}
