import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { buildVerify } from './log/verify.ts';

export function build(context: Context): Command {
  return buildVerify(context, 'verify');
}
