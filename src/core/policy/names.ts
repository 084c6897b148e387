/** Lists of names that a contract keeps somebody to. A name may end in "*". */
export function covers(list: readonly string[], name: string): boolean {
  return list.some((held) => held === name || (held.endsWith('*') && name.startsWith(held.slice(0, -1))));
}
