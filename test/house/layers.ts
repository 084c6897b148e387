/** "Who may import whom", as a table and a function over parsed sources. */
import { type Node, SyntaxKind } from 'typescript/unstable/ast';
import {
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isNamedExports,
  isPropertyAccessExpression,
} from 'typescript/unstable/ast/is';
import { type Import, importsOf, packageOf, resolve } from './imports.ts';
import { lineOf, type Source, type Violation, walk } from './source.ts';

interface Layer {
  /** Other layers it may import; its own is always allowed. */
  readonly layers: readonly string[] | 'any';
  /** Packages it may import. */
  readonly packages: readonly string[] | 'any';
  /** Node's own modules. */
  readonly builtins: readonly string[] | 'any';
}

const driver: Layer = { layers: ['core'], packages: 'any', builtins: 'any' };
/** A driver that talks to others over the network. */
const outward: Layer = { layers: ['core', 'net'], packages: 'any', builtins: 'any' };

/** Peers of those who use them; nobody gets them with this package. */
const FRAMEWORKS = ['ai', '@openai/agents', '@langchain/core', 'langchain', '@anthropic-ai/claude-agent-sdk'];

/** A folder under src that is not here has no rule yet, which is itself a violation. */
const LAYERS: Readonly<Record<string, Layer>> = {
  core: { layers: [], packages: ['zod', 'yaml', '@marcbachmann/cel-js'], builtins: [] },
  // zod: pure, and what other processes ask of the writer is checked here.
  recorder: { layers: ['core'], packages: ['zod'], builtins: [] },
  store: driver,
  index: driver,
  anchor: outward,
  sink: outward,
  // What drivers that talk to others share: bounded requests, signatures.
  net: { layers: ['core'], packages: 'any', builtins: 'any' },
  capture: { layers: ['core', 'recorder'], packages: 'any', builtins: 'any' },
  server: { layers: ['core', 'recorder'], packages: 'any', builtins: 'any' },
  // What runs inside of other people's programs: no server, no store, no package but what core brings.
  sdk: { layers: ['core', 'capture', 'recorder'], packages: [], builtins: 'any' },
  // What records frameworks that others write, of which it knows types only: it stands on the SDK as programs do.
  plugins: { layers: ['core', 'sdk', 'capture', 'entry'], packages: FRAMEWORKS, builtins: 'any' },
  // Parts of the composition root: where things are on this machine, from an environment they are handed.
  'paths.ts': { layers: ['core'], packages: [], builtins: ['node:path'] },
  'home.ts': { layers: ['core', 'store', 'paths.ts'], packages: [], builtins: 'any' },
  'reader.ts': { layers: ['core', 'store', 'home.ts', 'paths.ts'], packages: [], builtins: ['node:path'] },
  'version.ts': { layers: [], packages: [], builtins: ['node:fs'] },
  cli: { layers: 'any', packages: 'any', builtins: 'any' },
  open: { layers: 'any', packages: 'any', builtins: 'any' },
  'open.ts': { layers: 'any', packages: 'any', builtins: 'any' },
};

/** The one file of core that may name node:crypto, so that the primitive can be replaced in one place. */
const CORE_CRYPTO = 'src/core/hash.ts';

/**
 * Packages that one file of core may name: SHA-2 and Ed25519 in JavaScript, for runtimes without node:crypto. Only the
 * verifier's public entry loads that file.
 */
const CORE_PORTABLE = {
  path: 'src/core/portable.ts',
  packages: ['@noble/ed25519', '@noble/hashes'],
} as const;

/** Clients that a user installs only with the driver that needs them: a static import would break everyone else. */
const OPTIONAL_CLIENTS: readonly string[] = ['pg', 'aws4fetch', '@duckdb/node-api', '@napi-rs/keyring'];

export interface Package {
  readonly dependencies: readonly string[];
  readonly optional: readonly string[];
  /** Source paths of the public entry points (package.json `exports`): re-exporting is their whole job. */
  readonly entries: readonly string[];
}

const layerOf = (path: string, pkg: Package): string =>
  pkg.entries.includes(path) ? 'entry' : (path.split('/')[1] ?? '');
const ruleOf = (layer: string): Layer | undefined =>
  layer === 'entry' ? LAYERS['open.ts'] : Object.hasOwn(LAYERS, layer) ? LAYERS[layer] : undefined;
const allows = (list: readonly string[] | 'any', item: string): boolean =>
  list === 'any' || list.includes(item);

/** All breaches of the import rules in `sources` (files under src), in the order of the files. */
export function boundaryViolations(sources: readonly Source[], pkg: Package): readonly Violation[] {
  const found: Violation[] = [];
  const paths = new Set(sources.map((source) => source.path));
  const edges = new Map<string, string[]>();
  for (const source of sources) {
    const add = (line: number, what: string): void => {
      found.push({ path: source.path, line, what });
    };
    const layer = layerOf(source.path, pkg);
    const rule = ruleOf(layer);
    if (rule === undefined) {
      add(1, `the layer "${layer}" has no rule: give it one in test/house/layers.ts`);
      continue;
    }
    const targets: string[] = [];
    edges.set(source.path, targets);
    for (const imported of importsOf(source)) {
      const { specifier, line, kind } = imported;
      if (specifier === undefined) add(line, `${kind} import of a computed name: nobody can check it`);
      else if (kind === 'require') add(line, `require of ${specifier}: this package is ESM`);
      else if (specifier.startsWith('node:')) {
        const allowed = source.path === CORE_CRYPTO && specifier === 'node:crypto';
        if (!allowed && !allows(rule.builtins, specifier)) add(line, `${layer} may not import ${specifier}`);
      } else if (specifier.startsWith('.')) {
        const target = resolve(source.path, specifier);
        if (!paths.has(target)) add(line, `${specifier} is no file under src`);
        else {
          targets.push(target);
          checkTarget(source.path, target, add, line);
        }
      } else checkPackage(imported, packagesOf(source.path, rule), layer, add);
    }
    if (layer !== 'entry' && isBarrel(source)) add(1, 'a file that only re-exports: import from the source');
    if (layer !== 'recorder' && layer !== 'store') findAppends(source, layer, add);
  }

  function checkTarget(
    from: string,
    target: string,
    add: (line: number, what: string) => void,
    line: number,
  ): void {
    const layer = layerOf(from, pkg);
    const other = layerOf(target, pkg);
    if (layer === other) {
      const [mine, theirs] = [driverOf(from), driverOf(target)];
      if (mine !== undefined && theirs !== undefined && mine !== theirs) {
        add(line, `driver ${mine} may not import driver ${theirs}`);
      }
      return;
    }
    const rule = ruleOf(layer);
    if (other === 'cli') add(line, 'nothing imports cli');
    else if (rule !== undefined && !allows(rule.layers, other)) add(line, `${layer} may not import ${other}`);
  }

  function checkPackage(
    { specifier = '', kind, line }: Import,
    packages: Layer['packages'],
    layer: string,
    add: (line: number, what: string) => void,
  ): void {
    const name = packageOf(specifier);
    const optional =
      pkg.optional.includes(name) || OPTIONAL_CLIENTS.includes(name) || name.startsWith('@secretlint');
    if (!allows(packages, name)) add(line, `${layer} may not import the package ${name}`);
    else if (!optional && !pkg.dependencies.includes(name)) add(line, `${name} is not in dependencies`);
    else if (optional && kind !== 'dynamic' && kind !== 'type') {
      add(line, `${name} is optional: load it with import() where it is used`);
    }
  }

  return [...found, ...cycles(edges)];
}

function packagesOf(path: string, { packages }: Layer): Layer['packages'] {
  return path === CORE_PORTABLE.path && packages !== 'any'
    ? [...packages, ...CORE_PORTABLE.packages]
    : packages;
}

/** `src/store/postgres/…` → `postgres`. Files beside the driver folders are shared by them. */
function driverOf(path: string): string | undefined {
  const [, layer, folder, file] = path.split('/');
  return layer !== undefined && [driver, outward].some((rule) => LAYERS[layer] === rule) && file !== undefined
    ? folder
    : undefined;
}

function isBarrel(source: Source): boolean {
  const passesOn = (node: Node): boolean =>
    isExportDeclaration(node) && (node.moduleSpecifier !== undefined || onlyImported(node.exportClause));
  const imported = new Set<string>();
  walk(source.tree, (node) => {
    if (node.kind !== SyntaxKind.ImportSpecifier && node.kind !== SyntaxKind.ImportClause) return;
    for (const word of node.getText(source.tree).match(/[\w$]+/g) ?? []) imported.add(word);
  });
  const onlyImported = (clause: Node | undefined): boolean =>
    clause !== undefined &&
    isNamedExports(clause) &&
    clause.elements.length > 0 &&
    clause.elements.every((item) => imported.has((item.propertyName ?? item.name).text));
  const rest = source.tree.statements.filter((statement) => !isImportDeclaration(statement));
  return rest.length > 0 && rest.every(passesOn);
}

/** The recorder alone appends: nobody else may hold the type that can, or call it on something named like a store. */
function findAppends(source: Source, layer: string, add: (line: number, what: string) => void): void {
  const mayHold = layer === 'core' || layer === 'cli' || layer === 'open' || layer === 'open.ts';
  walk(source.tree, (node) => {
    if (node.kind === SyntaxKind.ImportSpecifier && !mayHold) {
      if (/^(type )?LogStore\b/.test(node.getText(source.tree))) {
        add(lineOf(source, node), 'only the recorder and the stores know LogStore');
      }
    }
    if (!isCallExpression(node) || !isPropertyAccessExpression(node.expression)) return;
    const { name, expression } = node.expression;
    if (name.text === 'append' && /(store|log|segment)s?$/i.test(expression.getText(source.tree))) {
      add(lineOf(source, node), 'only the recorder appends');
    }
  });
}

/** One violation per group of files that import each other in a ring, naming one ring. */
function cycles(edges: ReadonlyMap<string, readonly string[]>): readonly Violation[] {
  const found: Violation[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start !== -1) {
      const ring = [...path.slice(start), file];
      found.push({ path: file, line: 1, what: `import cycle: ${ring.join(' → ')}` });
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const next of edges.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of edges.keys()) visit(file);
  return found;
}
