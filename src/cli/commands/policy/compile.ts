import { isTallyError, TallyError } from '../../../core/error.ts';
import type { PolicyInForce } from '../../../core/policy/compiled.ts';
import { compilePolicy } from '../../../core/policy/load.ts';
import { TENANT } from '../../../paths.ts';
import type { Context } from '../../context.ts';
import { safe } from '../../output/safe.ts';
import { readPolicyText } from './file.ts';

/** A person gets one problem a line; a program gets all of them in the message. */
export function compileText(context: Context, text: string, path: string): PolicyInForce {
  try {
    return compilePolicy(text, { id: TENANT });
  } catch (error) {
    if (!isTallyError(error)) throw error;
    const { code, message, hint, details } = error;
    const problems = message.split('\n');
    const many = problems.length > 1 && !context.json;
    if (many) for (const problem of problems) void context.stderr.say(`${safe(path)}: ${safe(problem)}`);
    throw new TallyError(code, many ? `${path} has ${problems.length} problems` : `${path}: ${message}`, {
      ...(hint === undefined ? {} : { hint: many ? `of the first: ${hint}` : hint }),
      ...(details === undefined ? {} : { details: { ...details, path } }),
      cause: error,
    });
  }
}

/** The policy in a file ("-": standard input), or what is wrong with it. */
export async function compileFile(context: Context, path: string): Promise<PolicyInForce> {
  return compileText(context, await readPolicyText(context, path), path);
}
