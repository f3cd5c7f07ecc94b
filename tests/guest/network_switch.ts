/**
 * An Ethernet switch in a namespace: a bridge. What is plugged in can be pulled
 * out and made anew while whoever is on the other ports goes on.
 */

import { run } from "../../setup/run.ts";
import type { NetNamespace } from "./net_namespace.ts";

const BRIDGE = "switch0";
/** Its own: without one a bridge has that of a port, and another with each. */
const BRIDGE_MAC = "02:00:00:00:05:00";

/** Two interfaces that are each the other's peer. */
export interface WireOptions {
  /** The one's name. */
  readonly device: string;
  /** The one's address. */
  readonly mac: string;
  /** The other's name. */
  readonly peer: string;
  /** The other's address; by chance if left out. */
  readonly peerMac?: string;
  /** MTU of both. */
  readonly mtu: number;
}

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

  /** Makes an interface and plugs it in. */
  async plug(device: string, mtu: number, mac: string): Promise<void> {
    const port = `${device}-port`;
    await this.addWire({ device, mac, peer: port, mtu });
    await this.connect(port);
  }

  /** Makes two interfaces, each the other's peer, that are plugged in nowhere. */
  async addWire(wire: WireOptions): Promise<void> {
    const { device, mac, mtu, peer, peerMac } = wire;
    await this.ip(
      ...["add", device, "address", mac, "mtu", `${mtu}`, "type", "veth"],
      ...["peer", "name", peer, "mtu", `${mtu}`],
      ...(peerMac === undefined ? [] : ["address", peerMac]),
    );
    await this.ip("set", peer, "up");
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
