/** A machine that iPXE boots from a target. */

import type { NetNamespace } from "../guest/net_namespace.ts";
import { OutputLog } from "../guest/output_log.ts";
import { within } from "../guest/within.ts";

const IPXE_PATH = "/usr/lib/ipxe/ipxe.lkrn";
const BOOT_TIMEOUT_MS = 60_000;
/** The BIOS's last words when iPXE gave the machine back to it. */
const NOT_BOOTED = "No bootable device.";

/** Options of {@link bootFromTarget}. */
export interface BootOptions {
  /** Holds the tap device. */
  readonly namespace: NetNamespace;
  /** The tap device that the machine's network card is connected to. */
  readonly tap: string;
  /** The target to boot from: "1.0". */
  readonly target: string;
  /** Any of these lines on the console ends the machine. */
  readonly lastLines: readonly string[];
}

/**
 * Boots a machine from a target by iPXE and ends it after one of the last
 * lines. Returns the lines of its console, on the serial port.
 */
export async function bootFromTarget(options: BootOptions): Promise<string[]> {
  const process = options.namespace.spawn({ command: machine(options) });
  const lines: string[] = [];
  const last = Promise.withResolvers<void>();
  const log = new OutputLog(process, (line) => {
    const text = line.trimEnd();
    lines.push(text);
    if (options.lastLines.some((it) => text.endsWith(it))) last.resolve();
    if (text === NOT_BOOTED) last.reject(new Error("iPXE gave up"));
  });
  const ended = log.ended.then((): never => {
    throw new Error("The machine ended");
  });
  try {
    await within(Promise.race([last.promise, ended]), {
      timeoutMs: BOOT_TIMEOUT_MS,
      what: `"${options.lastLines.join('" or "')}" on the console`,
    });
    return lines;
  } catch (cause) {
    throw new Error(`A machine whose console shows:\n${log.tail()}`, { cause });
  } finally {
    // It halts without an end of its own, unless it could not start.
    try {
      process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await process.status;
    await log.ended;
  }
}

function machine({ tap, target }: BootOptions): [string, ...string[]] {
  const script = `ifopen net0 && sanboot aoe:e${target}`;
  return [
    "qemu-system-x86_64",
    // Without graphics the BIOS, and iPXE through it, print to the serial port.
    ...["-accel", "tcg", "-machine", "graphics=off", "-m", "64"],
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
    ...["-kernel", IPXE_PATH, "-append", script],
    ...["-chardev", "stdio,id=console,signal=off"],
    ...["-serial", "chardev:console"],
    ...["-netdev", `tap,id=net,ifname=${tap},script=no,downscript=no`],
    // iPXE comes as the kernel, so not as the card's boot ROM as well.
    ...["-device", "virtio-net-pci,netdev=net,romfile="],
  ];
}
