/**
 * The whole server as a process of its own, and our initiator's end of its
 * wire: a veth pair in a network namespace.
 */

import { Initiator } from "../../aoe/initiator/initiator.ts";
import type { RemoteTarget } from "../../aoe/initiator/remote_target.ts";
import type { PcapLink } from "../../aoe/link/pcap.ts";
import { run } from "../../setup/run.ts";
import {
  type Requirement,
  SERVER_REQUIREMENTS,
  unmet,
} from "../../setup/requirements.ts";
import { NetNamespace } from "../guest/net_namespace.ts";
import { type RunningServer, startServer } from "../guest/server.ts";
import { testUnless } from "../obstacle.ts";
import { openLinkWithin } from "./namespace_link.ts";

/** The server's end of a rig's wire. */
export const SERVER_INTERFACE = "server0";
/** The client's end of a rig's wire. */
export const CLIENT_INTERFACE = "client0";

/** A target, and the client it is reached through; disposing ends the client. */
export interface AttachedTarget extends Disposable {
  /** The target. */
  readonly target: RemoteTarget;
}

/** A wire, and a folder for servers. */
export class SystemRig implements AsyncDisposable {
  /** Where servers run. */
  readonly namespace: NetNamespace;
  /** A folder that goes with the rig. */
  readonly folder: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    namespace: NetNamespace,
    folder: string,
    stack: AsyncDisposableStack,
  ) {
    this.namespace = namespace;
    this.folder = folder;
    this.#stack = stack;
  }

  /** Makes the wire. */
  static async create(mtu: number): Promise<SystemRig> {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "deepshelf-system-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const namespace = stack.use(await NetNamespace.create());
    const ip = async (...args: string[]): Promise<void> => {
      const result = await run("ip", ["-n", namespace.name, ...args]);
      if (!result.success) throw new Error(result.stderr);
    };
    await ip(
      ...["link", "add", SERVER_INTERFACE, "mtu", `${mtu}`, "type", "veth"],
      ...["peer", "name", CLIENT_INTERFACE, "mtu", `${mtu}`],
    );
    await ip("link", "set", SERVER_INTERFACE, "up");
    await ip("link", "set", CLIENT_INTERFACE, "up");
    return new SystemRig(namespace, folder, stack.move());
  }

  /** Starts a server on the wire; settles when its targets answer. */
  serve(
    store: string,
    targets: readonly string[],
    extraArguments: readonly string[] = ["--create"],
  ): Promise<RunningServer> {
    return startServer({
      namespace: this.namespace,
      interfaces: [SERVER_INTERFACE],
      store,
      targets,
      extraArguments,
    });
  }

  /** A link at the client's end. */
  openLink(): PcapLink {
    return openLinkWithin(this.namespace.name, CLIENT_INTERFACE);
  }

  /** A client of its own for a target: "1.0". */
  async attach(address: string): Promise<AttachedTarget> {
    const [shelf, slot] = address.split(".").map(Number);
    const initiator = new Initiator(this.openLink());
    try {
      const target = await initiator.attach({ shelf: shelf!, slot: slot! });
      return { target, [Symbol.dispose]: () => initiator.close() };
    } catch (error) {
      initiator.close();
      throw error;
    }
  }

  /** Ends what runs on the wire and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/**
 * Registers a test of the whole server, which may need more than the server
 * does. Where something for it is missing it is skipped and says what to type;
 * in CI that is a failure.
 */
export function systemTest(
  name: string,
  body: (t: Deno.TestContext) => Promise<void>,
  furtherRequirements: readonly Requirement[] = [],
): void {
  testUnless(systemObstacle(furtherRequirements), { name, fn: body });
}

function systemObstacle(
  furtherRequirements: readonly Requirement[],
): string | undefined {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) {
    return "network namespaces need root on Linux: run deno task test as root";
  }
  const missing = unmet([...SERVER_REQUIREMENTS, ...furtherRequirements])
    .map((it) => it.debianPackage);
  if (missing.length > 0) {
    return `missing: apt-get install ${missing.join(" ")}`;
  }
  return undefined;
}
