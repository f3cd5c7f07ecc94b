import assert from "node:assert/strict";
import {
  AoeServer,
  type BlockDevice,
  FaultyLink,
  Initiator,
  linkPair,
  MemoryDevice,
  type RemoteTarget,
  SECTOR_SIZE,
  Target,
} from "../../aoe/mod.ts";
import { ManualClock } from "./manual_clock.ts";
import { MoodyDevice } from "./moody_device.ts";
import { randomBytes, randomInteger, seededRandom } from "./random.ts";
import { turns } from "./raw_peer.ts";

const SECTOR_COUNT = 256;
const ROUNDS = 12;
const FAULTS = {
  lossRatio: 0.1,
  duplicateRatio: 0.1,
  delayRatio: 0.2,
  delayFramesMax: 8,
};

/**
 * Cuts the disk into runs of 1 to 24 sectors and, all at a time, overwrites
 * some of them and reads others; then reads the whole disk. A sector is written
 * once in a round at most, and late frames do not outlive their round: no
 * initiator can do anything about a write that the network delivers again
 * after a newer one.
 */
async function playRound(
  disk: RemoteTarget,
  model: Uint8Array,
  random: () => number,
): Promise<void> {
  const work: Promise<void>[] = [];
  for (let lba = 0; lba < SECTOR_COUNT;) {
    const sectorCount = Math.min(
      randomInteger(random, 1, 24),
      SECTOR_COUNT - lba,
    );
    const start = lba * SECTOR_SIZE;
    if (random() < 0.5) {
      const bytes = randomBytes(random, sectorCount * SECTOR_SIZE);
      model.set(bytes, start);
      work.push(disk.write(lba, bytes));
    } else {
      const expected = model.slice(start, start + sectorCount * SECTOR_SIZE);
      work.push(
        disk.read({ lba, sectorCount }).then((bytes) =>
          assert.deepEqual(bytes, expected)
        ),
      );
    }
    lba += sectorCount;
  }
  work.push(disk.flush());
  await Promise.all(work);
  assert.deepEqual(
    await disk.read({ lba: 0, sectorCount: SECTOR_COUNT }),
    model,
  );
}

async function playAll(
  device: BlockDevice,
  mtu: number,
  random: () => number,
): Promise<void> {
  const clock = new ManualClock();
  const [near, far] = linkPair({ mtu });
  const serverLink = new FaultyLink(near, { random, ...FAULTS });
  const server = new AoeServer();
  const target = new Target({ shelf: 1, slot: 0, device });
  server.addTarget(target);
  server.addLink(serverLink);
  const running = server.run();
  const initiator = new Initiator(far, { clock, deadlineMs: 600_000 });
  const model = new Uint8Array(SECTOR_COUNT * SECTOR_SIZE);
  let finished = false;
  const playing = (async (): Promise<void> => {
    const disk = await initiator.attach({ shelf: 1, slot: 0 });
    for (let round = 0; round < ROUNDS; round++) {
      await playRound(disk, model, random);
      serverLink.loseDelayed();
      await turns(100);
    }
  })().finally(() => finished = true);
  while (!finished) await clock.advance(25);
  await playing;
  const { lost, duplicated, delayed } = serverLink.faults;
  assert.ok(lost > 20 && duplicated > 20 && delayed > 20);
  assert.ok(initiator.exchange.statistics.retransmissions > 0);
  assert.equal(initiator.exchange.statistics.timeouts, 0);
  initiator.close();
  await server.close();
  await running;
}

for (const mtu of [1500, 9000]) {
  for (const seed of [1, 2, 3]) {
    Deno.test(`random I/O over a bad network of MTU ${mtu} matches the model, seed ${seed}`, async () => {
      const random = seededRandom(seed);
      const device = new MemoryDevice({ sectorCount: SECTOR_COUNT });
      await playAll(device, mtu, random);
    });

    Deno.test(`and so it does on a device that is slow in every way, MTU ${mtu}, seed ${seed}`, async () => {
      const random = seededRandom(100 + seed);
      await playAll(new MoodyDevice(SECTOR_COUNT, random), mtu, random);
    });
  }
}
