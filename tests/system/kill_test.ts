import assert from "node:assert/strict";
import { SECTOR_SIZE, type SectorRange } from "../../aoe/block_device.ts";
import type { RemoteTarget } from "../../aoe/initiator/remote_target.ts";
import { callControl } from "../../cli/control.ts";
import { seeded } from "./disk_content.ts";
import { SystemRig, systemTest } from "./rig.ts";
import { StampedSectors } from "./stamped_sectors.ts";

const ROUND_COUNT = 50;
const WRITERS = 16;
const SECTOR_COUNT = 8192;
const DISK_SIZE = `${SECTOR_COUNT * SECTOR_SIZE}`;

systemTest(
  "kill -9 at fifty random moments loses no acknowledged write and tears no sector",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const model = new StampedSectors(SECTOR_COUNT);
    const random = seeded(20261122);
    let acknowledged = 0;
    for (let round = 0; round < ROUND_COUNT; round++) {
      await using server = await rig.serve(store, [`1.0=disk:${DISK_SIZE}`]);
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
        : callControl(`${rig.folder}/archive/local/control.sock`, {
          verb: "snapshot create",
          volume: "disk",
          name: `round-${round}`,
        }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 50 + random() * 250));
      await server.end("SIGKILL");
      lives.writing = false;
      client[Symbol.dispose]();
      for (const count of await Promise.all(writers)) acknowledged += count;
      await snapshot;
    }
    await using _server = await rig.serve(store, ["1.0=disk"], []);
    using client = await rig.attach("1.0");
    await verifyAll(client.target, model, ROUND_COUNT);
    assert.ok(acknowledged > 10 * ROUND_COUNT, `${acknowledged} writes`);
  },
);

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
