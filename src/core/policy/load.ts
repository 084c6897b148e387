/** From the text of a policy file to the policy in force. */
import { sha256Hex } from '../hash.ts';
import { LIMITS } from '../limits.ts';
import type { Complaint } from './compile/complain.ts';
import { compileFile } from './compile/file.ts';
import type { PolicyInForce } from './compiled.ts';
import { parsePolicyDocument } from './document.ts';
import type { PolicyDocument, Problem } from './place.ts';
import { issueProblems, policyInvalid } from './problems.ts';
import { PolicyFileSchema } from './schema.ts';
import { policyInForce } from './snapshot.ts';

function placed(
  doc: PolicyDocument,
  path: readonly PropertyKey[],
  { problem, hint, guess, offset }: Complaint,
): Problem {
  const place = offset === undefined ? doc.locate(path) : doc.locateWithin(path, offset);
  return {
    ...place,
    message: problem,
    ...(hint === undefined ? {} : { hint }),
    ...(guess === undefined ? {} : { guess }),
  };
}

function readShape(value: unknown): ReturnType<typeof PolicyFileSchema.safeParse> {
  try {
    return PolicyFileSchema.safeParse(value);
  } catch (error) {
    // zod hands on what it found as arguments of a call, and of a million it runs out of stack.
    if (!(error instanceof RangeError)) throw error;
    throw policyInvalid([{ line: 1, column: 1, message: 'more is wrong with it than can be told' }]);
  }
}

/**
 * Compiles the text of a policy file. The same text and id give the same snapshot and hash.
 * Throws TallyError POLICY_INVALID with the place (details.line, details.column) of the first problem and the text of
 * all; nothing that the file says is ever ignored.
 */
export function compilePolicy(text: string, options: { readonly id: string }): PolicyInForce {
  const doc = parsePolicyDocument(text);
  if ('problems' in doc) throw policyInvalid(doc.problems);
  const parsed = readShape(doc.value);
  if (!parsed.success) {
    const issues = parsed.error.issues.slice(0, LIMITS.policyProblems);
    throw policyInvalid(issueProblems(issues, doc), parsed.error.issues.length - issues.length);
  }
  const problems: Problem[] = [];
  let more = 0;
  const compiled = compileFile(parsed.data, { id: options.id, text }, (path, complaint) => {
    if (problems.length < LIMITS.policyProblems) problems.push(placed(doc, path, complaint));
    else more++;
  });
  if (problems.length > 0) throw policyInvalid(problems, more);
  return policyInForce(compiled);
}

/**
 * What stands in force when the file cannot be read or does not compile: every decision is a stop with
 * `policy_unreadable`. `why` is recorded in the snapshot.
 */
export function unreadablePolicy(
  why: string,
  options: { readonly id: string } = { id: 'unreadable' },
): PolicyInForce {
  return policyInForce({
    format: 1,
    id: options.id,
    version: 'unreadable',
    source_hash: sha256Hex(''),
    mode: 'enforce',
    identity: { anonymous: 'stop', declared: 'stop' },
    allowlist: [],
    credentials: {},
    agents: {},
    unreadable: why,
  });
}
