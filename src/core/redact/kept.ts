/** Whether a name stays in the records that it stands in, or is taken for personal data or a secret. */
import { createRedactor, type Redactor } from './redact.ts';

/** Short, with few digits and no "@": nothing that any rule takes for something else, and nearly every name there is. */
const PLAIN = /^(?=[\w.:-]{1,16}$)(?!.*\d{6})[\w.:-]*$/;

let redactor: Redactor | undefined;

/** Pure: the same name gives the same answer. Rules and secrets of one machine are not looked at. */
export function isKept(name: string): boolean {
  if (PLAIN.test(name)) return true;
  redactor ??= createRedactor();
  return redactor.redactText(name).count === 0;
}
