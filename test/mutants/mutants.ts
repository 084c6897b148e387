/**
 * Bugs planted on purpose, each of a kind that has been somebody's. The suite has to find every one of them: a test file
 * that is named here must fail when `from` is replaced by `to`.
 */
export interface Mutant {
  /** What the program would do wrong. */
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once: code that moved is noticed. */
  readonly from: string;
  readonly to: string;
  readonly tests: readonly string[];
  /** Only the tests whose name this matches: for files that take long. */
  readonly named?: string;
}

const CRASH = 'test/recorder/crash.test.ts';
const PAIRS = 'test/fault/pairs.test.ts';
const TABLE = 'test/core/policy/table.test.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'acknowledges before the write',
    file: 'src/recorder/committer.ts',
    from: 'const appended = store.append(batch.bytes());',
    to: 'batch.settle();\n          const appended = store.append(batch.bytes());',
    tests: [PAIRS],
    named: 'append',
  },
  {
    name: 'acknowledges before the flush',
    file: 'src/store/file/store.ts',
    from: '    fdatasyncSync(target);\n',
    to: '    setTimeout(() => fdatasyncSync(target), 5);\n',
    tests: ['test/fault/order.test.ts'],
    named: 'flushes a segment',
  },
  {
    name: 'goes on after a failed write',
    file: 'src/recorder/committer.ts',
    from: '          fail(asFailure(error));\n          batch.settle(dead);',
    to: '          batch.settle(asFailure(error));',
    tests: [PAIRS],
    named: 'ends the writer',
  },
  {
    name: 'deletes a torn tail instead of setting it aside',
    file: 'src/store/file/store.ts',
    from: '    const copied = await copyTo(join(entries, name), source, offset);\n',
    to: '    void copyTo;\n    const copied = await hashFrom(source, offset);\n',
    tests: ['test/store/file.test.ts', 'test/fault/torn.test.ts'],
    named: 'setting a tail aside|before it is cut off',
  },
  {
    name: 'uses indices again after a recovery',
    file: 'src/recorder/recover.ts',
    from: '  return {\n    position,\n',
    to: '  return {\n    position: { ...position, next: claims.signed },\n',
    tests: [PAIRS],
    named: 'append',
  },
  {
    name: 'starts on a log that is shorter than its remembered head',
    file: 'src/recorder/recover.ts',
    from: '  if (position.next < claims.floor) throw rolledBack(position.next, claims.floor);\n',
    to: '',
    tests: [CRASH],
    named: 'an older state of the log',
  },
  {
    name: 'says that a torn tail was set aside in no entry',
    file: 'src/recorder/start.ts',
    from: '  return [...voided, ...moved, opened];\n',
    to: '  void moved;\n  return [...voided, opened];\n',
    tests: [CRASH],
    named: 'a tail torn at any byte',
  },
  {
    name: 'removes the plain segment without reading the sealed one back',
    file: 'src/store/file/seal.ts',
    from: 'if (written === undefined || !(await holdsTheSame(plain, written, signal)))',
    to: 'await written?.close();\n    if (written === undefined)',
    tests: ['test/fault/sealing.test.ts'],
  },
  {
    name: 'signs with the old key after a rotation that failed half-way',
    file: 'src/recorder/checkpointer.ts',
    from: 'if (size === signed || options.dead()) return;',
    to: 'if (size === signed) return;',
    tests: ['test/fault/rotation.test.ts'],
  },
  {
    name: 'does not notice that the open segment was taken away',
    file: 'src/store/file/in-place.ts',
    from: "    if (named === undefined) return 'it is not there any more';\n",
    to: '    if (named === undefined) return undefined;\n',
    tests: ['test/fault/replaced.test.ts'],
  },
  {
    name: 'does not compare the log with the remembered head',
    file: 'src/core/tlog/verify-heads.ts',
    from: 'const holds = root !== undefined && equalBytes(root, checkpoint.root);',
    to: 'const holds = true;',
    tests: ['test/core/tlog/verify.test.ts', 'test/core/tlog/verify-signed.test.ts'],
  },
  {
    name: 'takes a note that only an unknown key signed',
    file: 'src/core/tlog/note.ts',
    from: '  if (verified.length === 0)\n',
    to: '  if (verified.length === 0 && note.signatures.length === 0)\n',
    tests: ['test/core/tlog/note.test.ts'],
  },
  {
    name: 'ignores a known key whose signature does not hold',
    file: 'src/core/tlog/note.ts',
    from: '    if (!known.some((verifier) => verifier.verify(text, signature.signature)))\n',
    to: '    if (!known.some((verifier) => verifier.verify(text, signature.signature))) continue;\n    if (known.length === 0)\n',
    tests: ['test/core/tlog/note.test.ts'],
  },
  {
    name: 'hashes leaves like inner nodes',
    file: 'src/core/tlog/tree.ts',
    from: 'const LEAF_PREFIX = 0;',
    to: 'const LEAF_PREFIX: number = 1;',
    tests: ['test/core/tlog/tree.test.ts', 'test/core/tlog/vectors.test.ts'],
  },
  {
    name: 'hashes inner nodes like leaves',
    file: 'src/core/tlog/tree.ts',
    from: 'const NODE_PREFIX = 1;',
    to: 'const NODE_PREFIX: number = 0;',
    tests: ['test/core/tlog/tree.test.ts', 'test/core/tlog/vectors.test.ts'],
  },
  {
    name: 'accepts an inclusion proof that is too long',
    file: 'src/core/tlog/proof.ts',
    from: "  let hash = leaf;\n  for (const p of proof) {\n    if (sn === 0) throw invalid('the proof has more hashes than the tree has levels');\n",
    to: '  let hash = leaf;\n  for (const p of proof) {\n    if (sn === 0) break;\n',
    tests: ['test/core/tlog/proof.test.ts'],
  },
  {
    name: 'does not compare the old root of a consistency proof',
    file: 'src/core/tlog/proof.ts',
    from: '  if (!equalBytes(fr, oldRoot))\n',
    to: '  if (!equalBytes(fr, fr))\n',
    tests: ['test/core/tlog/proof.test.ts'],
  },
  {
    name: 'proves an entry at an index that the entry does not carry',
    file: 'src/core/tlog/entry-proof.ts',
    from: '  if (carries !== index)\n',
    to: '  if (carries === undefined)\n',
    tests: ['test/core/tlog/entry-proof.test.ts'],
  },
  {
    name: 'trusts the prev that an entry carries',
    file: 'src/core/tlog/verify-entries.ts',
    from: 'const chained = fields !== undefined && (unknown || carriesPrev(block, fields.prevStart, prev));',
    to: 'const chained = fields !== undefined && carriesPrev(block, fields.prevStart, prev.slice(0, 44)) !== undefined;',
    tests: ['test/core/tlog/verify.test.ts'],
  },
  {
    name: 'counts one witness once for each of its cosignatures',
    file: 'src/core/tlog/quorum.ts',
    from: 'if (inTime[0] !== undefined) by.push(inTime[0]);',
    to: 'by.push(...inTime);',
    tests: ['test/core/tlog/cosignature.test.ts'],
  },
  {
    name: 'cosigns without the checkpoint that it cosigned last',
    file: 'src/core/tlog/witness-protocol.ts',
    from: '  if (oldSize !== latest.size) return { status: 409, size: latest.size };\n',
    to: '',
    tests: ['test/core/tlog/witness-protocol.test.ts'],
  },
  {
    name: 'lets a rotation note pass that the old key did not sign',
    file: 'src/core/tlog/key-history.ts',
    from: '    openCheckpoint(note, [old]);\n',
    to: '',
    tests: ['test/core/tlog/key-history.test.ts'],
  },
  {
    name: 'accepts base64 whose left-over bits are not zero',
    file: 'src/core/bytes.ts',
    from: 'return encode(bytes) === text ? bytes : undefined;',
    to: 'return encode(bytes).length === text.length ? bytes : undefined;',
    tests: ['test/core/bytes.test.ts'],
  },
  {
    name: 'costs the square of the length of hostile JSON',
    file: 'src/core/parse.ts',
    from: '(?:"(\\s*:)?|$)/g',
    to: '"(\\s*:)?/g',
    tests: ['test/core/parse.test.ts'],
    named: 'costs no more',
  },
  {
    name: 'takes an approval for one that is for other arguments',
    file: 'src/core/policy/layers/approval.ts',
    from: '    grant.args_hash === args_hash &&\n',
    to: '    args_hash !== undefined &&\n',
    tests: [TABLE],
  },
  {
    name: 'gives a delegate what its delegator does not have',
    file: 'src/core/policy/scopes.ts',
    from: 'for (let i = 0; i < hands; i++)',
    to: 'for (let i = hands - 1; i >= 0 && i < hands - 1; i++)',
    tests: [TABLE],
  },
  {
    name: 'lets a call pass for which a rule failed',
    file: 'src/core/policy/layers/rules.ts',
    from: "      if ('error' in said) {\n",
    to: "      if ('error' in said && program !== program) {\n",
    tests: [TABLE],
  },
  {
    name: 'lets a rule that wants an approval stand before one that says stop',
    file: 'src/core/policy/layers/rules.ts',
    from: "if (rule.decision === 'stop') return stoppedBy(rule);",
    to: "if (rule.decision === 'stop' && wanting === undefined) return stoppedBy(rule);",
    tests: [TABLE],
  },
  {
    name: 'lets one call more through than a window has room for',
    file: 'src/core/policy/layers/limits.ts',
    from: 'if (read.count < window.rate.count) continue;',
    to: 'if (read.count <= window.rate.count) continue;',
    tests: [TABLE],
  },
  {
    name: 'lets an agent pass that was switched off, when another one acts for it',
    file: 'src/core/policy/kill-scopes.ts',
    from: ', ...delegation.map((one) => one.agent_id)];',
    to: ', ...delegation.slice(delegation.length).map((one) => one.agent_id)];',
    tests: [TABLE],
  },
  {
    name: 'reads a path in one way only, where a server may read it in another',
    file: 'src/core/policy/path-pattern.ts',
    from: '    readings.push(next);\n',
    to: '',
    tests: [TABLE],
  },
  {
    name: 'carries a tool of the AI SDK out beside its decision',
    file: 'src/plugins/ai/integration.ts',
    from: 'during(act.carryOut(execute))',
    to: 'during(Promise.resolve(execute()))',
    tests: ['test/plugins/ai-sdk.test.ts'],
    named: 'is a run: what was asked',
  },
  {
    name: 'decides on a call of the Claude Agent SDK without waiting for what the user’s hooks say',
    file: 'src/plugins/claude-agent/words.ts',
    from: 'answers = await Promise.all(all);',
    to: 'answers = [];',
    tests: ['test/plugins/claude-agent.test.ts'],
    named: 'takes a user',
  },
];
