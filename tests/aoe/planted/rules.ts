/**
 * How every rule of docs/aoe-conformance.md is broken, so that the tests which
 * the page names for it can be seen to fail.
 */

import { ATA_RULES } from "./ata_rules.ts";
import { CONFIG_RULES } from "./config_rules.ts";
import { HEADER_RULES } from "./header_rules.ts";
import { INITIATOR_RULES } from "./initiator_rules.ts";
import { MASK_RULES, RESERVE_RULES } from "./list_rules.ts";
import { SERVING_RULES } from "./serving_rules.ts";
import type { PlantedSection } from "./section.ts";

/** In the order of the page. */
export const PLANTED_RULES: readonly PlantedSection[] = [
  HEADER_RULES,
  ATA_RULES,
  CONFIG_RULES,
  MASK_RULES,
  RESERVE_RULES,
  INITIATOR_RULES,
  SERVING_RULES,
];

/**
 * Folders of tests that are not run against broken rules here: a server as a
 * process, or a guest, takes them half a minute. What they were seen to notice
 * stands in docs/testing.md.
 */
export const SLOW_FOLDERS: readonly string[] = ["../system/", "../guest/"];

/** The folder of tests that make network namespaces, from `tests/aoe/`. */
export const ROOT_FOLDER = "link/";
