/** A JSON value as it may stand in an entry. `undefined` object members are treated as absent everywhere. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}
