import type { CelProgram } from './compile.ts';

/** Names of the facts that a rule reads, or asks for with `has()`; sorted. */
export const celReadsFacts = ({ facts }: CelProgram): readonly string[] => facts;
