/** Tests that not every machine can run. */

import { say } from "../setup/say.ts";

/** A test. */
export interface GuardedTest {
  /** A sentence. */
  readonly name: string;
  /** Its body. */
  readonly fn: (t: Deno.TestContext) => void | Promise<void>;
}

/**
 * Registers a test. Where there is an obstacle, which says what to type, the
 * test is skipped and the obstacle told; in CI that is a failure.
 */
export function testUnless(
  obstacle: string | undefined,
  { name, fn }: GuardedTest,
): void {
  if (obstacle === undefined) return Deno.test(name, fn);
  if (Deno.env.get("CI") === "true") {
    return Deno.test(name, () => {
      throw new Error(obstacle);
    });
  }
  say(`Skipped: ${name}: ${obstacle}`);
  Deno.test.ignore(name, fn);
}
