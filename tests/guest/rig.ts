/** A guest on a wire of its own, and the tests that need one. */

import { findKernel, type Kernel } from "../../setup/kernel.ts";
import {
  GUEST_REQUIREMENTS,
  type Requirement,
  SERVER_REQUIREMENTS,
  unmet,
} from "../../setup/requirements.ts";
import { testUnless } from "../obstacle.ts";
import { Guest } from "./guest.ts";
import { NetNamespace } from "./net_namespace.ts";

/** The one network device of a rig: the server's end of the guest's wire. */
export const TAP = "tap0";

/** Options of {@link GuestRig.create}. */
export interface GuestRigOptions {
  /** MTU of the wire, in bytes. */
  readonly mtu: number;
  /** Fills the folder that the guest sees, before it boots. */
  readonly fillSharedFolder?: (folder: string) => Promise<void>;
}

/** A booted guest, its network, and folders; disposing it removes it all. */
export class GuestRig implements AsyncDisposable {
  /** The guest. */
  readonly guest: Guest;
  /** Where a server must run to reach the guest, on {@link TAP}. */
  readonly namespace: NetNamespace;
  /** An empty folder for the server. */
  readonly serverFolder: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    guest: Guest,
    namespace: NetNamespace,
    serverFolder: string,
    stack: AsyncDisposableStack,
  ) {
    this.guest = guest;
    this.namespace = namespace;
    this.serverFolder = serverFolder;
    this.#stack = stack;
  }

  /** Makes the network and boots a guest in it. */
  static async create(options: GuestRigOptions): Promise<GuestRig> {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "deepshelf-rig-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const sharedFolder = `${folder}/shared`;
    const serverFolder = `${folder}/server`;
    await Deno.mkdir(sharedFolder);
    await Deno.mkdir(serverFolder);
    await options.fillSharedFolder?.(sharedFolder);
    const namespace = stack.use(await NetNamespace.create());
    await namespace.addTap(TAP, options.mtu);
    const guest = stack.use(
      await Guest.boot({
        kernel: installedKernel(),
        namespace,
        tap: TAP,
        mtu: options.mtu,
        sharedFolder,
      }),
    );
    return new GuestRig(guest, namespace, serverFolder, stack.move());
  }

  /** Ends the guest and all else in its network. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/**
 * Registers a test that boots a guest, and that may need more than that. Where
 * something for it is missing it is skipped and says what to type; in CI that
 * is a failure.
 */
export function guestTest(
  name: string,
  body: (t: Deno.TestContext) => Promise<void>,
  furtherRequirements: readonly Requirement[] = [],
): void {
  testUnless(guestObstacle(furtherRequirements), { name, fn: body });
}

/** What keeps this machine from booting a guest, and what to type. */
function guestObstacle(
  furtherRequirements: readonly Requirement[],
): string | undefined {
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    return "a guest runs this machine's programs: use Linux on x86_64";
  }
  if (Deno.uid() !== 0) {
    return "network namespaces need root: run deno task test as root";
  }
  const packages = unmet([
    ...SERVER_REQUIREMENTS,
    ...GUEST_REQUIREMENTS,
    ...furtherRequirements,
  ]).map((it) => it.debianPackage);
  if (packages.length > 0) {
    const names = packages.join(" ");
    return `missing programs: apt-get install --no-install-recommends ${names}`;
  }
  if (findKernel() === undefined) {
    return "no kernel to boot: deno task test downloads it, as root on Debian";
  }
  try {
    Deno.statSync("/dev/net/tun");
  } catch {
    return "no /dev/net/tun: modprobe tun";
  }
  return undefined;
}

function installedKernel(): Kernel {
  const kernel = findKernel();
  if (kernel === undefined) throw new Error("The kernel has been removed");
  return kernel;
}
