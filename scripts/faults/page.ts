/** docs/faults.md: the cases of the fault matrix with what came of them. */
import type { Case, Result } from '../../test/fault/matrix.ts';
import { ROTATE_AFTER, SCRIPTS, SEGMENT_ENTRIES } from '../../test/fault/scripts.ts';
import { FAULTS } from '../../test/fault/trace.ts';

export type Done = Case & { readonly result: Result };

const SCENES: Readonly<Record<Case['scene'], string>> = {
  make: `A new log: ${SCRIPTS.make} appends in writes of one and four, some with payloads, a checkpoint after every four of them, a sealed segment (after ${SEGMENT_ENTRIES} entries), a key rotation (after ${ROTATE_AFTER}), a close.`,
  pooled: 'The same on a slow disk: the flushes of the segment run in the thread pool.',
  threaded:
    'The same with every tile written as in a burst: by the thread that writes many of them. The calls of that thread on tiles.',
  torn: 'A start on a log whose last line is half there.',
  begun: 'A start on a log whose last segment holds half a line and nothing else.',
  sealing: 'A start after a kill between the sealed form of a segment and the removal of its plain one.',
  rotating: 'A start after a kill between the entry of a key rotation and its note.',
};

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...body.map(line)].join('\n');
}

function groups<K extends string>(
  done: readonly Done[],
  keyOf: (one: Done) => K,
): ReadonlyMap<K, readonly Done[]> {
  const found = new Map<K, Done[]>();
  for (const one of done) {
    const key = keyOf(one);
    found.set(key, [...(found.get(key) ?? []), one]);
  }
  return found;
}

/** "12 passed", or what else there was. */
function outcome(done: readonly Done[]): string {
  const failed = done.filter(({ result }) => result.problems.length > 0).length;
  const missed = done.filter(({ result }) => result.missed === true).length;
  const passed = done.length - failed - missed;
  return [
    passed > 0 ? `${passed} passed` : '',
    failed > 0 ? `**${failed} failed**` : '',
    missed > 0 ? `${missed} not hit` : '',
  ]
    .filter((text) => text !== '')
    .join(', ');
}

export function faultsPage(
  done: readonly Done[],
  { outOfReach, machine }: { readonly outOfReach: number; readonly machine: string },
): string {
  const failed = done.filter(({ result }) => result.problems.length > 0);
  const how = (of: readonly Done[], program: Result['program']): string =>
    String(of.filter(({ result }) => result.program === program && result.missed === undefined).length);

  const byFault = FAULTS.map((fault) => {
    const of = done.filter((one) => one.fault === fault);
    return [fault, String(of.length), outcome(of), how(of, 'went on'), how(of, 'ended'), how(of, 'killed')];
  });
  const cases = [...groups(done, ({ scene }) => scene)].map(([scene, of]) => {
    const rows = [...groups(of, ({ call }) => `${call.syscall} \`${call.path}\``)].map(([what, those]) => [
      what,
      ...FAULTS.map((fault) => outcome(those.filter((one) => one.fault === fault))),
    ]);
    return `### ${scene}\n\n${SCENES[scene]}\n\n${table([['system call', ...FAULTS], ...rows])}`;
  });
  const failures =
    failed.length === 0
      ? 'None.'
      : failed
          .map(({ result }) => `- ${result.case}: ${result.problems.join('; ').slice(0, 500)}`)
          .join('\n');
  return `# Faults

Written by \`node scripts/faults.ts\` (${machine}). Not to be edited by hand.

A recorder on files runs under strace, and one system call on one file of its log fails with EIO or ENOSPC, or is the
last one before SIGKILL. Every call that a run without faults makes is taken in turn, with every fault: **${done.length} cases,
${outcome(done)}**. A case counts only when the trace shows that the fault hit the call it was meant for.

After each case, in a process of its own and without the fault:

- \`tally verify\` does not speak of tampering.
- The next start goes on by itself and appends. \`tally verify\` then passes.
- A program that shares no code with the recorder reads the files: no acknowledged entry is missing, no index was given to
  two, every entry names the one before, the signed root is the one over the entries, and the keys follow from the first.

A program that hangs, or ends without saying why, is a failure. Every hundredth log is also published and verified by
the Go program of the tests.

## By fault

${table([['fault', 'cases', 'result', 'the program went on', 'it ended and said why', 'it was killed'], ...byFault])}

A program goes on where a failure is none of the log's: a file that is not there yet, a directory that exists, a segment
that stays as it is and is sealed later. ${outOfReach} more cases are out of strace's reach: two threads make the same call, and it counts
for each by itself.

## Failures

${failures}

## All cases

The numbers count the occurrences of a call, each of them a case.

${cases.join('\n\n')}
`;
}
