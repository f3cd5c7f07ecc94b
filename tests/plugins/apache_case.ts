/** Tests that need Apache. */

import { say } from "../../setup/say.ts";
import { apacheObstacle } from "./apache.ts";

/**
 * Registers a test with Apache. Without one it is skipped and says what to
 * type; in CI that is a failure.
 */
export function apacheTest(name: string, run: () => Promise<void>): void {
  const obstacle = apacheObstacle();
  if (obstacle === undefined) return Deno.test(name, run);
  if (Deno.env.get("CI") === "true") {
    return Deno.test(name, () => {
      throw new Error(obstacle);
    });
  }
  say(`Skipped: ${name}: ${obstacle}`);
  Deno.test.ignore(name, run);
}
