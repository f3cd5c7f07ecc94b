/**
 * A network namespace with a pair of Ethernet interfaces, whatever one of them
 * sends the other receives, and the programs of the tests that run inside.
 */

import { run } from "../../../setup/run.ts";
import { NetNamespace } from "../../guest/net_namespace.ts";

/** The two ends of the pair. */
export const ENDS: readonly [string, string] = ["left0", "right0"];

/** A scenario that hangs, say because a frame never came, ends here. */
const SCENARIO_SECONDS_MAX = "60";

/** Makes the namespace; neither end has an IP address. */
export async function createVeth(mtu: number): Promise<NetNamespace> {
  const namespace = await NetNamespace.create();
  const [left, right] = ENDS;
  const name = namespace.name;
  await ip("-n", name, "link", "add", left, "type", "veth", "peer", right);
  for (const end of ENDS) {
    await ip("-n", name, "link", "set", end, "addrgenmode", "none");
    await ip("-n", name, "link", "set", end, "mtu", `${mtu}`, "up");
  }
  return namespace;
}

/** Runs `ip`, which must succeed, and returns what it printed. */
export async function ip(...args: string[]): Promise<string> {
  const result = await run("ip", args);
  if (result.success) return result.stdout;
  throw new Error(`ip ${args.join(" ")}: ${result.stderr.trim()}`);
}

/** How to run a scenario. */
export interface ScenarioOptions {
  /** Deno's permission flags, `-A` by default. */
  readonly permissions?: readonly string[];
  /** A command that runs Deno, such as one that takes capabilities away. */
  readonly wrapper?: readonly string[];
}

/**
 * Runs one scenario of pcap_scenarios.ts inside the namespace.
 *
 * @throws {Error} with what it printed, when it fails
 */
export async function runScenario(
  namespace: NetNamespace,
  scenario: string,
  options: ScenarioOptions = {},
): Promise<void> {
  const { permissions = ["-A"], wrapper = [] } = options;
  const file = new URL("pcap_scenarios.ts", import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "--no-prompt", ...permissions];
  const limited = ["timeout", SCENARIO_SECONDS_MAX, ...wrapper, ...deno];
  const inside = ["netns", "exec", namespace.name, ...limited];
  const result = await run("ip", [...inside, file, scenario]);
  if (!result.success) {
    throw new Error(`${scenario} failed:\n${result.stdout}${result.stderr}`);
  }
}
