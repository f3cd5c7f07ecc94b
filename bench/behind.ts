/**
 * Writes to an archive that is far away: how fast they are acknowledged beside
 * those to a folder, and how many puts they become.
 *
 * @module
 */

import { run } from "../setup/run.ts";
import type { ColdResult } from "./cold.ts";
import { TARGET } from "./contenders.ts";
import type { Load } from "./load_request.ts";
import { LoadClient } from "./load_client.ts";
import { Network } from "./network.ts";
import { ServerProcess } from "./server_process.ts";
import { slowStore } from "./slow_options.ts";

const MEBIBYTE: number = 1024 * 1024;
const LATENCY_MS = 20;
/** Of both, so that both store while they acknowledge, or neither. */
const LAG_S = 10;
const BYTES_PER_SECOND = 100e6;
/** Less than makes any server slow its replies down. */
const EASY_BYTES: number = 192 * MEBIBYTE;
const TEBIBYTE: number = 1024 * 1024 * MEBIBYTE;
const PUTS_MAX = 70_000;
const LOAD_MS_MAX = 300_000;
const LOOK_MS = 500;
/** How often each has its turn. */
const ROUNDS = 3;

const WRITES: Omit<Load, "durationMs" | "regionSectors"> = {
  kind: "write",
  order: "sequential",
  content: "random",
  sectorsPerRequest: 16,
  outstanding: 32,
};

/** Measures in `folder`; the puts of so many bytes, each block once, are scaled to 1 TiB. */
export async function measureBehind(
  folder: string,
  diskBytes: number,
): Promise<ColdResult[]> {
  await using network = await Network.create(9000);
  await using load = new LoadClient(network);
  const target = `${TARGET.shelf}.${TARGET.slot}=disk:${diskBytes}`;

  async function write(byteCount: number): Promise<number> {
    const requestsMax = byteCount / 8192 + 1;
    const outcome = await load.run({
      target: TARGET,
      load: {
        ...WRITES,
        regionSectors: diskBytes / 512,
        requestsMax,
        durationMs: LOAD_MS_MAX,
      },
    });
    return outcome.requests / outcome.elapsedMs * 1000;
  }

  async function startNear(round: number): Promise<ServerProcess> {
    return await ServerProcess.start(network, [
      ...["--create", "--store", `file:${folder}/near${round}`],
      ...["--target", target, "--max-lag", `${LAG_S}`],
    ]);
  }

  async function startFar(round: number): Promise<ServerProcess> {
    return await ServerProcess.start(network, [
      ...await slowStore(`${folder}/far${round}`, LATENCY_MS, BYTES_PER_SECOND),
      ...["--create", "--state", `${folder}/state${round}`],
      ...["--target", target, "--max-lag", `${LAG_S}`],
    ]);
  }

  /** Writes at once to a server that is new, on a disk that has settled. */
  async function writeEasy(
    start: (round: number) => Promise<ServerProcess>,
    round: number,
  ): Promise<number> {
    const server = await start(round);
    await run("sync", []);
    const speed = await write(Math.min(EASY_BYTES, diskBytes));
    await server.end("SIGTERM");
    return speed;
  }

  const nears: number[] = [];
  const fars: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    nears.push(await writeEasy(startNear, round));
    fars.push(await writeEasy(startFar, round));
  }

  const state = `${folder}/state${ROUNDS}`;
  const far = await startFar(ROUNDS);
  const before = await putCount(state);
  await write(diskBytes);
  await stored(state);
  const puts = await putCount(state) - before;
  await far.end("SIGTERM");
  return [
    {
      name: "acknowledged writes of 8 KiB, store behind, beside a folder",
      reached: median(fars),
      possible: Math.round(median(nears)),
      unit: "writes/s",
      aim: 0.9,
    },
    {
      name: "puts that 1 TiB of unique data may take, of those it takes",
      reached: PUTS_MAX,
      possible: Math.round(puts * TEBIBYTE / diskBytes),
      unit: "puts",
      aim: 1,
    },
  ];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** Waits until the store has everything. */
async function stored(state: string): Promise<void> {
  for (;;) {
    const { unarchivedBytes } = await ask(state, "status");
    if (unarchivedBytes === 0) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function putCount(state: string): Promise<number> {
  const { operations } = await ask(state, "store", "stats");
  return operations.put.count;
}

// deno-lint-ignore no-explicit-any -- what a command prints as JSON
async function ask(state: string, ...words: string[]): Promise<any> {
  const main = new URL("../main.ts", import.meta.url).pathname;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, ...words, "--state", state, "--json"],
    stderr: "inherit",
  });
  const { stdout } = await command.output();
  return JSON.parse(new TextDecoder().decode(stdout).trim());
}
