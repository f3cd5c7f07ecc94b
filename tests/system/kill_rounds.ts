/** Kills a server while its disk is written, again and again. */

import { SECTOR_SIZE, type SectorRange } from "../../aoe/block_device.ts";
import type { RemoteTarget } from "../../aoe/initiator/remote_target.ts";
import { callControl } from "../../cli/serving/control.ts";
import type { SystemRig } from "./rig.ts";
import { StampedSectors } from "./stamped_sectors.ts";

/** Options of {@link killRounds}. */
export interface KillRoundsOptions {
  /** Where the server runs. */
  readonly rig: SystemRig;
  /** URL of its store. */
  readonly store: string;
  /** Its state folder. */
  readonly state: string;
  /** Arguments of `serve` beside store and target. */
  readonly extraArguments: readonly string[];
  /** How often it is killed. */
  readonly roundCount: number;
  /** Decides when and what is written. */
  readonly random: () => number;
  /** The longest that a server lives, in milliseconds. */
  readonly lifeMsMax: number;
}

const WRITERS = 16;
const SECTOR_COUNT = 8192;
const DISK_SIZE = `${SECTOR_COUNT * SECTOR_SIZE}`;
const LIFE_MS_MIN = 50;

/**
 * Kills the server, and looks after each start that every acknowledged write is
 * there and no sector torn. How many writes were acknowledged.
 */
export async function killRounds(options: KillRoundsOptions): Promise<number> {
  const { rig, store, state, extraArguments, roundCount, random } = options;
  const model = new StampedSectors(SECTOR_COUNT);
  let acknowledged = 0;
  for (let round = 0; round < roundCount; round++) {
    await using server = await rig.serve(
      store,
      [`1.0=disk:${DISK_SIZE}`],
      ["--create", ...extraArguments],
    );
    using client = await rig.attach("1.0");
    await verifyAll(client.target, model, round);
    const lives = { writing: true };
    const writers = Array.from(
      { length: WRITERS },
      () => writeUntilDead(client.target, model, random, lives),
    );
    // Every other round a checkpoint is under way when the server dies.
    const snapshot = round % 2 === 0
      ? undefined
      : callControl(`${state}/control.sock`, {
        verb: "snapshot create",
        state: { volume: "disk" },
        name: `round-${round}`,
      }).catch(() => undefined);
    const lifeMs = LIFE_MS_MIN +
      random() * (options.lifeMsMax - LIFE_MS_MIN);
    await new Promise((resolve) => setTimeout(resolve, lifeMs));
    await server.end("SIGKILL");
    lives.writing = false;
    client[Symbol.dispose]();
    for (const count of await Promise.all(writers)) acknowledged += count;
    await snapshot;
  }
  await using _server = await rig.serve(store, ["1.0=disk"], extraArguments);
  using client = await rig.attach("1.0");
  await verifyAll(client.target, model, roundCount);
  return acknowledged;
}

/** Writes at random places; how many writes were acknowledged. */
async function writeUntilDead(
  target: RemoteTarget,
  model: StampedSectors,
  random: () => number,
  lives: { readonly writing: boolean },
): Promise<number> {
  let acknowledged = 0;
  while (lives.writing) {
    const sectorCount = 1 + Math.floor(random() * 32);
    const lba = Math.floor(random() * (SECTOR_COUNT - sectorCount));
    const range: SectorRange = { lba, sectorCount };
    const { bytes, number } = model.issue(range);
    try {
      await target.write(lba, bytes);
    } catch {
      return acknowledged;
    }
    model.acknowledge(range, number);
    acknowledged++;
  }
  return acknowledged;
}

async function verifyAll(
  target: RemoteTarget,
  model: StampedSectors,
  round: number,
): Promise<void> {
  const sectorCount = 256;
  for (let lba = 0; lba < SECTOR_COUNT; lba += sectorCount) {
    const range = { lba, sectorCount };
    const bytes = await target.read(range);
    try {
      model.verify(range, bytes);
    } catch (cause) {
      throw new Error(`After ${round} kills`, { cause });
    }
  }
}
