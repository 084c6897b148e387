import { Command } from 'commander';
import type { Context } from '../context.ts';

export function build(_context: Context): Command {
  return new Command('log');
}
