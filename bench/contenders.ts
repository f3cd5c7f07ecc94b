/**
 * The servers that the bench compares, each exporting a disk of the same size
 * from the same file system on the same interface.
 *
 * @module
 */

import type { TargetAddress } from "./load_request.ts";
import { type Network, SERVER_END } from "./network.ts";

/** What every contender exports: 64 MiB. */
export const DISK_SECTORS: number = 64 * 1024 * 1024 / 512;

/** Frames that vblade may hold. */
const VBLADE_BUFFERS = 128;

/** Where they all stand, one at a time. */
export const TARGET: TargetAddress = { shelf: 1, slot: 0 };

/** Where and for what a server is started. */
export interface StartOptions {
  /** The network to serve on. */
  readonly network: Network;
  /** An empty folder for all that it stores. */
  readonly folder: string;
  /** Whether a reply to a write must mean that it is on stable storage. */
  readonly durable: boolean;
}

/** A server to measure. */
export interface Contender {
  /** Its name in the table. */
  readonly name: string;
  /** Bytes to write before durable writes are measured, until it grows no file any more. */
  readonly settleBytes: number;
  /** Starts it; it may take a while to answer. */
  start(options: StartOptions): Promise<Deno.ChildProcess>;
}

/**
 * Debian's vblade, with `-s` where writes must be durable. It gets buffers for
 * all that is outstanding: with its default of 16 it loses frames of 8 KiB.
 */
export const vblade: Contender = {
  name: "vblade",
  settleBytes: DISK_SECTORS * 512,
  start: startVblade,
};

/**
 * Our server, with an archive in a folder; its writes are always durable. Its
 * two journal files take a quarter of a gigabyte each before they are used
 * again.
 */
export const deepshelf: Contender = {
  name: "deepshelf",
  settleBytes: 768 * 1024 * 1024,
  start: startDeepshelf,
};

async function startVblade(options: StartOptions): Promise<Deno.ChildProcess> {
  const path = `${options.folder}/disk`;
  await writeDisk(path);
  const { shelf, slot } = TARGET;
  const sync = options.durable ? ["-s"] : [];
  const flags = ["-b", `${VBLADE_BUFFERS}`, ...sync];
  const target = [`${shelf}`, `${slot}`, SERVER_END, path];
  return spawn(options, ["vblade", ...flags, ...target]);
}

function startDeepshelf(options: StartOptions): Promise<Deno.ChildProcess> {
  const main = new URL("../main.ts", import.meta.url).pathname;
  const { shelf, slot } = TARGET;
  const disk = `${shelf}.${slot}=disk:${DISK_SECTORS * 512}`;
  const store = ["--create", "--store", `file:${options.folder}/archive`];
  const served = ["--interface", SERVER_END, ...store, "--target", disk];
  const deno = [Deno.execPath(), "run", "-A", main, "serve", "--json"];
  return Promise.resolve(spawn(options, [...deno, ...served]));
}

/** Processor time of a process and all its threads so far, in microseconds. */
export function processorTimeUs(pid: number): number {
  return timeUsOf(`/proc/${pid}/stat`);
}

/** Processor time of threads so far, in microseconds. */
export type ThreadTimesUs = ReadonlyMap<string, number>;

/** That of a process's threads. */
export function threadTimesUs(pid: number): ThreadTimesUs {
  const tasks = `/proc/${pid}/task`;
  return new Map(
    Array.from(
      Deno.readDirSync(tasks),
      ({ name }) => [name, timeUsOf(`${tasks}/${name}/stat`)],
    ),
  );
}

/** What the thread took since then that took most. */
export function busiestThreadUs(pid: number, since: ThreadTimesUs): number {
  return Math.max(
    ...Array.from(
      threadTimesUs(pid),
      ([thread, timeUs]) => timeUs - (since.get(thread) ?? 0),
    ),
  );
}

function timeUsOf(path: string): number {
  const stat = Deno.readTextFileSync(path);
  // The name before the fields may hold blanks and brackets of its own.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME]);
  return ticks * MICROSECONDS_PER_TICK;
}

/** Fields of /proc/PID/stat behind the name, see proc(5). */
const USER_TIME = 11;
const SYSTEM_TIME = 12;
const MICROSECONDS_PER_TICK = 10_000;

/** A disk whose blocks are all there, so that writes allocate nothing. */
async function writeDisk(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  const chunk = new Uint8Array(64 * 1024);
  for (let at = 0; at < DISK_SECTORS * 512; at += chunk.length) {
    crypto.getRandomValues(chunk);
    await file.write(chunk);
  }
  await file.sync();
}

function spawn(
  options: StartOptions,
  program: readonly string[],
): Deno.ChildProcess {
  return options.network.command(program, {
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}
