/** Reading project documents: sections, tables, code blocks, and what they claim about the tree. */

/** The lines below a `## heading` up to the next heading of that depth or a higher one. */
export function section(markdown: string, heading: string): string {
  const lines = markdown.split('\n');
  const start = lines.indexOf(`## ${heading}`);
  if (start === -1) throw new Error(`no section "## ${heading}"`);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^##? /.test(line));
  return rest.slice(0, end === -1 ? rest.length : end).join('\n');
}

/** First cells of the table rows, without the header and its rule, back-ticks taken off. */
export function firstCells(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|\s*-/.test(line))
    .slice(1)
    .map((line) => (line.split('|')[1] ?? '').trim().replaceAll('`', ''));
}

export interface Invariant {
  readonly number: number;
  /** Test files with the names of tests in them, as `path › name`. */
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

/** `1. **Words.** More. — test/a.test.ts: “name”; test/b.test.ts: “name”` */
export function invariants(text: string): readonly Invariant[] {
  return text
    .split(/^(?=\d+\. )/m)
    .filter((item) => /^\d+\. /.test(item))
    .map((item) => ({
      number: Number.parseInt(item, 10),
      tests: [...item.replaceAll(/\s+/g, ' ').matchAll(/`(test\/[^`]+)`: “([^”]+)”/g)].map((match) => ({
        file: match[1] ?? '',
        name: match[2] ?? '',
      })),
    }));
}

/** Fenced code blocks whose language is a shell's, or none. */
export function shellBlocks(markdown: string): readonly string[] {
  const blocks = [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)];
  return blocks.filter((match) => /^(|sh|bash|console)$/.test(match[1] ?? '')).map((match) => match[2] ?? '');
}

/** Inline code spans outside of fenced blocks. */
export function codeSpans(markdown: string): readonly string[] {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```/gm, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
}

/** The words after `tally` in shell code, up to `--`, a pipe, a redirection or a comment: one list a call. */
export function tallyCalls(shell: string): readonly (readonly string[])[] {
  const code = shell.replaceAll(/\\\n/g, ' ').replaceAll(/(^|\s)#.*$/gm, '');
  return [...code.matchAll(/(?<![\w./@:-])tally((?: +[^\s|;&<>()]+)+)/g)].map((match) => {
    const words = (match[1] ?? '').trim().split(/ +/);
    const end = words.indexOf('--');
    return end === -1 ? words : words.slice(0, end);
  });
}
