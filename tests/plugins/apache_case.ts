/** Tests that need Apache. */

import { testUnless } from "../obstacle.ts";
import { apacheObstacle } from "./apache.ts";

/** Registers a test with Apache, or says what to type where there is none. */
export function apacheTest(name: string, run: () => Promise<void>): void {
  testUnless(apacheObstacle(), { name, fn: run });
}
