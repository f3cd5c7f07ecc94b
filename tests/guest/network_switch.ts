/**
 * An Ethernet switch in a namespace: a bridge. What is plugged in can be pulled
 * out and made anew while whoever is on the other ports goes on.
 */

import { run } from "../../setup/run.ts";
import type { NetNamespace } from "./net_namespace.ts";

const BRIDGE = "switch0";
/** Its own: without one a bridge has that of a port, and another with each. */
const BRIDGE_MAC = "02:00:00:00:05:00";

/** A switch; it goes with its namespace. */
export class NetworkSwitch {
  /** The interface by which the namespace itself is plugged in. */
  readonly device: string = BRIDGE;
  readonly #namespace: NetNamespace;

  private constructor(namespace: NetNamespace) {
    this.#namespace = namespace;
  }

  /** Makes a switch that carries frames up to `mtu`. */
  static async create(
    namespace: NetNamespace,
    mtu: number,
  ): Promise<NetworkSwitch> {
    const made = new NetworkSwitch(namespace);
    await made.ip("add", BRIDGE, "address", BRIDGE_MAC, "type", "bridge");
    await made.ip("set", BRIDGE, "mtu", `${mtu}`, "up");
    return made;
  }

  /** Connects an interface that there is already. */
  async connect(device: string): Promise<void> {
    await this.ip("set", device, "master", BRIDGE);
  }

  /** Makes an interface and plugs it in; `mac` is by chance unless given. */
  async plug(device: string, mtu: number, mac?: string): Promise<void> {
    const port = `${device}-port`;
    await this.ip(
      ...["add", device, ...(mac === undefined ? [] : ["address", mac])],
      ...["mtu", `${mtu}`, "type", "veth"],
      ...["peer", "name", port, "mtu", `${mtu}`],
    );
    await this.connect(port);
    await this.ip("set", port, "up");
    await this.ip("set", device, "up");
  }

  /** Removes an interface that `plug` made. */
  async remove(device: string): Promise<void> {
    await this.ip("delete", device);
  }

  /** Gives `ip link` what follows. */
  async ip(...args: string[]): Promise<void> {
    const command = ["-n", this.#namespace.name, "link", ...args];
    const result = await run("ip", command);
    if (result.success) return;
    throw new Error(`ip ${command.join(" ")}: ${result.stderr.trim()}`);
  }
}
