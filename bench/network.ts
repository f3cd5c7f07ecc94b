/**
 * The network of the bench: two Ethernet interfaces that are each other's
 * other end, in a network namespace of their own.
 *
 * @module
 */

import { run } from "../setup/run.ts";

/** The interface that servers serve on. */
export const SERVER_END = "server0";
/** The interface that the load comes from. */
export const LOAD_END = "load0";

/** The namespace, with a loopback of its own; disposing it removes it. */
export class Network implements AsyncDisposable {
  /** The namespace's name. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Makes it; neither Ethernet interface has an IP address. */
  static async create(mtu: number): Promise<Network> {
    const name = `deepshelf-bench-${Deno.pid}-${mtu}`;
    await ip("netns", "add", name);
    const network = new Network(name);
    const pair = [SERVER_END, "type", "veth", "peer", LOAD_END];
    await ip("-n", name, "link", "add", ...pair);
    for (const end of [SERVER_END, LOAD_END]) {
      await ip("-n", name, "link", "set", end, "addrgenmode", "none");
      await ip("-n", name, "link", "set", end, "mtu", `${mtu}`, "up");
    }
    await ip("-n", name, "link", "set", "lo", "up");
    return network;
  }

  /** A program to be started inside; its process id is the program's own. */
  command(
    program: readonly string[],
    options: Deno.CommandOptions,
  ): Deno.Command {
    const args = ["netns", "exec", this.name, ...program];
    return new Deno.Command("ip", { ...options, args });
  }

  /** Removes the namespace; what runs inside must have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await ip("netns", "delete", this.name);
  }
}

async function ip(...args: string[]): Promise<void> {
  const result = await run("ip", args);
  if (!result.success) {
    throw new Error(`ip ${args.join(" ")}: ${result.stderr.trim()}`);
  }
}
