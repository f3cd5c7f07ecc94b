import type { Patch } from "../../source_patch.ts";

/** How each rule of a table of docs/aoe-conformance.md is broken. */
export interface PlantedSection {
  /** The heading above the table. */
  readonly heading: string;
  /** By the cell with the rule: changes each of which breaks it alone. */
  readonly rules: Readonly<Record<string, readonly Patch[]>>;
}

/** A change of one file; see `Patch`. */
export function patch(file: string, find: string, replace: string): Patch {
  return { file, find, replace };
}
