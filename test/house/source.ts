/**
 * The project's own files as syntax trees, for the tests that hold the house rules. Text matching would be fooled by
 * comments and strings; the compiler's parser is not. Real files and planted fixtures take the same way in.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { API } from 'typescript/unstable/sync';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Source {
  /** Relative to the project's root, `/`-separated. */
  readonly path: string;
  readonly text: string;
  readonly tree: SourceFile;
}

/** What breaks a rule, and where. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

/** Parses each text; nothing is resolved or type-checked. A syntax error throws: a half-read file proves nothing. */
export function parse(files: Readonly<Record<string, string>>): readonly Source[] {
  const names = Object.keys(files);
  const at = (name: string): string => `/p/${name}`;
  const virtual: Record<string, string> = {
    // noResolve: `import './b.ts'` must not be followed; the tests do that themselves and see what is missing.
    '/p/tsconfig.json': JSON.stringify({
      compilerOptions: { noLib: true, noResolve: true, types: [] },
      files: names,
    }),
  };
  for (const name of names) virtual[at(name)] = files[name] ?? '';
  const api = new API({ cwd: '/p', fs: createVirtualFileSystem(virtual) });
  try {
    using snapshot = api.updateSnapshot({ openProject: '/p/tsconfig.json' });
    const project = snapshot.getProjects()[0];
    if (project === undefined) throw new Error('the parser opened no project');
    return names.map((name) => {
      const broken = project.program.getSyntacticDiagnostics(at(name))[0];
      if (broken !== undefined) throw new Error(`${name} does not parse: ${JSON.stringify(broken.text)}`);
      const tree = project.program.getSourceFile(at(name));
      if (tree === undefined) throw new Error(`${name} was not parsed`);
      return { path: name, text: files[name] ?? '', tree };
    });
  } finally {
    api.close();
  }
}

/** Visits `node` and everything below it, parents first. */
export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}

/** 1-based line of a node's first character. */
export function lineOf(source: Source, node: Node): number {
  return lineAt(source.text, node.getStart(source.tree));
}

export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i !== -1 && i < position; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

const LITERALS: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.StringLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateHead,
  SyntaxKind.TemplateMiddle,
  SyntaxKind.TemplateTail,
  SyntaxKind.RegularExpressionLiteral,
]);

/** The text with every string, template part and regular expression blanked: what is left is code and comments. */
export function withoutLiterals(source: Source): string {
  let text = source.text;
  walk(source.tree, (node) => {
    if (!LITERALS.has(node.kind)) return;
    const start = node.getStart(source.tree);
    const blank = text.slice(start, node.end).replace(/[^\n]/g, ' ');
    text = text.slice(0, start) + blank + text.slice(node.end);
  });
  return text;
}

/** Every file of the working tree that git does not ignore, relative to the root, sorted. */
export function treeFiles(): readonly string[] {
  const ignored = readFileSync(join(ROOT, '.gitignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  const isIgnored = (name: string): boolean =>
    name === '.git' ||
    ignored.some((pattern) =>
      pattern.startsWith('*') ? name.endsWith(pattern.slice(1)) : name === pattern.replace(/\/$/, ''),
    );
  const found: string[] = [];
  const visit = (folder: string): void => {
    for (const item of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      if (isIgnored(item.name)) continue;
      const path = folder === '' ? item.name : `${folder}/${item.name}`;
      if (item.isDirectory()) visit(path);
      else found.push(path);
    }
  };
  visit('');
  return found.sort();
}

/** Reads and parses the tree's TypeScript under the given folders. */
export function readSources(...folders: readonly string[]): readonly Source[] {
  const files: Record<string, string> = {};
  for (const path of treeFiles()) {
    if (path.endsWith('.ts') && folders.some((folder) => path.startsWith(`${folder}/`))) {
      files[path] = readFileSync(join(ROOT, path), 'utf8');
    }
  }
  return parse(files);
}

export const show = (violations: readonly Violation[]): string =>
  violations.map((v) => `${v.path}:${v.line} ${v.what}`).join('\n');
