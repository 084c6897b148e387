/**
 * Objects that never change: frozen, and nothing in them is an object. What was found out about one of them holds for
 * ever.
 */
export function isConstant(object: object): boolean {
  if (!Object.isFrozen(object)) return false;
  for (const member of Object.values(object))
    if ((typeof member === 'object' && member !== null) || typeof member === 'function') return false;
  return true;
}
