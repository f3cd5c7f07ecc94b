/** Tests that need a service from packages of the operating system. */

import { type Requirement, unmet } from "../../setup/requirements.ts";
import { say } from "../../setup/say.ts";

/** Registers tests of one file. */
export interface ServiceTests {
  /** The service can be started: else no test's body runs. */
  readonly possible: boolean;
  /** Registers a test. */
  readonly test: (name: string, body: () => Promise<void>) => void;
}

/**
 * Where something for the service is missing its tests are skipped and it is
 * said what to type; in CI they fail.
 */
export function serviceTests(
  service: string,
  requirements: readonly Requirement[],
): ServiceTests {
  const packages = unmet(requirements).map((it) => it.debianPackage);
  if (packages.length === 0) return { possible: true, test: Deno.test };
  const obstacle = `missing for ${service}: apt-get install ` +
    `--no-install-recommends ${packages.join(" ")}`;
  if (Deno.env.get("CI") === "true") {
    return {
      possible: false,
      test: (name) =>
        Deno.test(name, () => {
          throw new Error(obstacle);
        }),
    };
  }
  say(`Skipped tests of ${service}: ${obstacle}`);
  return {
    possible: false,
    test: (name, body) => Deno.test.ignore(name, body),
  };
}
