/**
 * A virtual machine with a stock Linux kernel, whose AoE initiator is the real
 * one.
 *
 * QEMU emulates it without KVM. It sees this machine's root file system
 * read-only, so that it runs the very mkfs, fio and fsck that are installed
 * here, and one network card, whose other end is a tap device.
 */

import type { Kernel } from "../../setup/kernel.ts";
import { AgentChannel, type CommandResult } from "./agent_channel.ts";
import { buildInitramfs } from "./initramfs.ts";
import type { NetNamespace } from "./net_namespace.ts";
import { OutputLog } from "./output_log.ts";
import { qemuCommand } from "./qemu.ts";
import { within } from "./within.ts";

/** Emulation is slow, so these are generous: they only end what hangs. */
const BOOT_TIMEOUT_MS = 180_000;
const RUN_TIMEOUT_MS = 180_000;

/** Where a guest finds {@link GuestOptions.sharedFolder}. */
export const SHARED_FOLDER_IN_GUEST = "/tmp/shared";
/** An empty folder in the guest to mount a file system on. */
export const MOUNT_POINT_IN_GUEST = "/tmp/mnt";

/** Options of {@link Guest.boot}. */
export interface GuestOptions {
  /** What to boot. */
  readonly kernel: Kernel;
  /** The namespace that holds the tap device. */
  readonly namespace: NetNamespace;
  /** The tap device that the guest's network card is connected to. */
  readonly tap: string;
  /** MTU of the guest's network card, in bytes; at most that of the tap. */
  readonly mtu: number;
  /** A folder of this machine that the guest sees, read-only. */
  readonly sharedFolder: string;
  /** Gives up booting. */
  readonly signal?: AbortSignal;
}

/** Options of {@link Guest.run}. */
export interface GuestRunOptions {
  /** How long the command may take, in milliseconds; 3 minutes by default. */
  readonly timeoutMs?: number;
}

/** A running guest; disposing it ends it. */
export class Guest implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #console: OutputLog;
  readonly #agent: AgentChannel;

  private constructor(
    process: Deno.ChildProcess,
    console: OutputLog,
    agent: AgentChannel,
  ) {
    this.#process = process;
    this.#console = console;
    this.#agent = agent;
  }

  /** Boots a guest; settles when it takes commands. */
  static async boot(options: GuestOptions): Promise<Guest> {
    const folder = await Deno.makeTempDir({ prefix: "deepshelf-guest-" });
    try {
      const initramfs = `${folder}/initramfs`;
      await Deno.writeFile(initramfs, await buildInitramfs(options.kernel));
      const agentSocket = `${folder}/agent`;
      using listener = Deno.listen({ transport: "unix", path: agentSocket });
      const vmlinuz = options.kernel.vmlinuz;
      const process = options.namespace.spawn({
        command: qemuCommand({ ...options, vmlinuz, initramfs, agentSocket }),
      });
      return await Guest.#connect(process, listener, options.signal);
    } finally {
      // By now QEMU has read all of it, or has ended.
      await Deno.remove(folder, { recursive: true });
    }
  }

  static async #connect(
    process: Deno.ChildProcess,
    listener: Deno.UnixListener,
    signal: AbortSignal | undefined,
  ): Promise<Guest> {
    const console = new OutputLog(process);
    let agent: AgentChannel | undefined;
    async function ready(): Promise<AgentChannel> {
      agent = new AgentChannel(await listener.accept());
      await agent.ready();
      return agent;
    }
    const ended = process.status.then((status): never => {
      throw new Error(`QEMU ended with status ${status.code}`);
    });
    try {
      const started = await within(Promise.race([ready(), ended]), {
        timeoutMs: BOOT_TIMEOUT_MS,
        what: "the guest to boot",
        signal,
      });
      return new Guest(process, console, started);
    } catch (cause) {
      await stop(process, console, agent);
      throw new Error(`The guest did not start:\n${console.tail()}`, { cause });
    }
  }

  /**
   * Runs a shell script in the guest, with this machine's root as its own
   * (read-only; `/tmp` is the guest's) and returns how it ended.
   *
   * Not waiting for the promise leaves the script running in the background.
   * Fails, with the guest's last console lines, when the time is over or the
   * guest ends.
   */
  async run(
    script: string,
    options: GuestRunOptions = {},
  ): Promise<CommandResult> {
    try {
      return await within(this.#agent.run(script), {
        timeoutMs: options.timeoutMs ?? RUN_TIMEOUT_MS,
        what: "a command in the guest",
      });
    } catch (cause) {
      throw new Error(
        `No answer from the guest to "${script}":\n${this.#console.tail()}`,
        { cause },
      );
    }
  }

  /**
   * Runs a shell script as {@link run} does and returns its standard output.
   * A status other than 0 is an error, with the kernel's last words.
   */
  async check(script: string, options: GuestRunOptions = {}): Promise<string> {
    const result = await this.run(script, options);
    if (result.code === 0) return result.stdout;
    const kernelLog = await this.kernelLog();
    throw new Error(
      `"${script}" ended with status ${result.code} in the guest:\n` +
        `${result.stdout}${result.stderr}\nIts kernel's last words:\n` +
        kernelLog.split("\n").slice(-40).join("\n"),
    );
  }

  /** All that the guest's kernel has logged since it booted. */
  async kernelLog(): Promise<string> {
    return (await this.run("dmesg")).stdout;
  }

  /** Ends the guest at once, as a power cut would. */
  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#process, this.#console, this.#agent);
  }
}

async function stop(
  process: Deno.ChildProcess,
  console: OutputLog,
  agent: AgentChannel | undefined,
): Promise<void> {
  try {
    process.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
  await process.status;
  await console.ended;
  await agent?.close();
}
