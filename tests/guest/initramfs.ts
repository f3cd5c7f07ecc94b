/** The guest's first and only own file system: busybox, modules, an agent. */

import { findProgram } from "../../setup/requirements.ts";
import type { Kernel } from "../../setup/kernel.ts";
import { type CpioEntry, writeCpio } from "./cpio.ts";
import { moduleLoadOrder } from "./kernel_modules.ts";

/** In load order; what they depend on comes by itself. */
const MODULES = [
  "virtio_pci",
  "virtio_console",
  "virtio_net",
  "9p",
  "9pnet_virtio",
  // The kernel would ask modprobe for this one: ext4, xfs and btrfs need it.
  "crc32c_generic",
  "crc32c_intel",
  "ext4",
  "xfs",
  "btrfs",
  "aoe",
];

/** Builds the initramfs (an uncompressed cpio archive) for `kernel`. */
export async function buildInitramfs(
  kernel: Kernel,
): Promise<Uint8Array<ArrayBuffer>> {
  const busybox = findProgram("busybox");
  if (busybox === undefined) throw new Error("busybox is not installed");
  const entries: CpioEntry[] = [
    { path: "bin" },
    { path: "bin/busybox", content: await Deno.readFile(busybox) },
    { path: "init", content: await ownFile("guest_init.sh") },
    { path: "agent", content: await ownFile("guest_agent.sh") },
    { path: "modules" },
  ];
  const paths = await moduleLoadOrder(kernel.modulesDir, MODULES);
  const contents = await Promise.all(
    paths.map((path) => readModule(`${kernel.modulesDir}/${path}`)),
  );
  contents.forEach((content, index) => {
    // The guest loads them in the order of their names.
    const path = `modules/${String(index).padStart(3, "0")}.ko`;
    entries.push({ path, content });
  });
  return writeCpio(entries);
}

function ownFile(name: string): Promise<Uint8Array> {
  return Deno.readFile(new URL(name, import.meta.url));
}

/** Debian 12 ships plain modules, Debian 13 xz-compressed ones. */
async function readModule(path: string): Promise<Uint8Array> {
  if (!path.endsWith(".xz")) return await Deno.readFile(path);
  const output = await new Deno.Command("xz", { args: ["-dc", path] }).output();
  if (!output.success) throw new Error(`xz could not decompress ${path}`);
  return output.stdout;
}
