/**
 * A network namespace of its own for one test: nothing in it can reach, or be
 * reached from, the machine's networks.
 */

import { run } from "../../setup/run.ts";

/** What a process inside a namespace is started with. */
export interface SpawnOptions {
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  /** Environment variables added to this process's own. */
  readonly env?: Record<string, string>;
}

const NAME_PREFIX = "deepshelf-test-";

let created = 0;

/** A network namespace; disposing it ends what still runs inside. */
export class NetNamespace implements AsyncDisposable {
  /** Its name, as `ip netns` lists it; it carries this process's id. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Makes a namespace, and removes those of test runs that were killed. */
  static async create(): Promise<NetNamespace> {
    await removeAbandoned();
    const name = `${NAME_PREFIX}${Deno.pid}-${created++}`;
    await ip("netns", "add", name);
    await ip("-n", name, "link", "set", "lo", "up");
    return new NetNamespace(name);
  }

  /** Makes a tap device that is up, for a virtual machine to open. */
  async addTap(device: string, mtu: number): Promise<void> {
    await ip("-n", this.name, "tuntap", "add", "dev", device, "mode", "tap");
    await ip("-n", this.name, "link", "set", device, "mtu", `${mtu}`, "up");
  }

  /** Starts a process inside; its id is that of the program itself. */
  spawn(options: SpawnOptions): Deno.ChildProcess {
    return new Deno.Command("ip", {
      args: ["netns", "exec", this.name, ...options.command],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: options.env ?? {},
    }).spawn();
  }

  /** Kills what still runs inside and removes the namespace. */
  async [Symbol.asyncDispose](): Promise<void> {
    await remove(this.name);
  }
}

async function remove(name: string): Promise<void> {
  const pids = await ip("netns", "pids", name);
  for (const pid of pids.split("\n").filter((it) => it !== "")) {
    kill(Number(pid));
  }
  await ip("netns", "delete", name);
}

async function removeAbandoned(): Promise<void> {
  const names = (await ip("netns", "list")).split("\n")
    .map((line) => line.split(" ")[0] ?? "");
  for (const name of names) {
    const owner = name.match(`^${NAME_PREFIX}([0-9]+)-`)?.[1];
    if (owner === undefined || isRunning(Number(owner))) continue;
    // Another run that has just started may be removing it as well.
    await remove(name).catch(() => {});
  }
}

function isRunning(pid: number): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    // It ended by itself meanwhile.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function ip(...args: string[]): Promise<string> {
  const result = await run("ip", args);
  if (result.success) return result.stdout;
  throw new Error(`ip ${args.join(" ")}: ${result.stderr.trim()}`);
}
