/** A root of the writer before that arrives after a takeover. */

import assert from "node:assert/strict";
import type { BlobStore } from "../../blobstores/blob_store.ts";
import { MemorySpace } from "../../blobstores/memory_store.ts";
import { SimulatedDisk } from "../../cas/disk/simulated_disk.ts";
import { systemClock } from "../../cas/engine/clock.ts";
import { JournalError } from "../../cas/front/journal_errors.ts";
import type { Volume } from "../../cas/front/volume.ts";
import { withoutHold } from "../services/s3_over_memory.ts";
import { type Machine, type Stack, startStack } from "../simulation/stack.ts";
import { seeded, stamped, stampOf } from "./front/fixtures.ts";

const CLAIM_CHECK_MS = 5000;

/** The wait of a server that looks after its claim never ends: it answers no calls. */
const STANDING_STILL = {
  ...systemClock,
  async sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    if (delayMs !== CLAIM_CHECK_MS) return await systemClock.yieldNow();
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
  },
};

/** Servers over one bucket. */
class Bucket {
  readonly space: MemorySpace = new MemorySpace();

  machine(): Machine {
    return {
      journal: new SimulatedDisk({ random: seeded(1) }),
      index: new SimulatedDisk({ random: seeded(1) }),
      space: this.space,
      hints: undefined,
    };
  }

  start(
    machine: Machine,
    stateDigit: string,
    wrap: (store: BlobStore) => BlobStore = (store) => store,
  ): Promise<Stack> {
    return startStack(machine, (store) => wrap(withoutHold(store)), {
      stateId: stateDigit.repeat(32),
      clock: STANDING_STILL,
    });
  }

  keys(prefix: string): string[] {
    return [...this.space.blobs.keys()].filter((key) => key.startsWith(prefix));
  }
}

/** Roots are on their way until they are let through. */
class SlowRoots {
  readonly #arrived = Promise.withResolvers<void>();
  readonly #open = Promise.withResolvers<void>();
  #slow = false;

  wrap(store: BlobStore): BlobStore {
    return {
      ...store,
      put: async (key, body, options): Promise<void> => {
        if (this.#slow && key.startsWith("roots/")) {
          this.#arrived.resolve();
          await this.#open.promise;
        }
        await store.put(key, body, options);
      },
    };
  }

  /** From now on they are slow; resolves when one is on its way. */
  begin(): Promise<void> {
    this.#slow = true;
    return this.#arrived.promise;
  }

  letThrough(): void {
    this.#open.resolve();
  }
}

function openDisk({ front }: Stack): Promise<Volume> {
  return front.openVolume({ volume: "disk", createBlockCount: 16 });
}

async function write(
  disk: Volume,
  lba: number,
  stamp: number,
): Promise<void> {
  const settled = new Promise<boolean>((resolve) =>
    disk.onSettled((_, ok) => resolve(ok))
  );
  assert.notEqual(disk.write({ lba, sectorCount: 1 }, stamped(stamp, 1), 0), 0);
  assert.ok(await settled);
}

/** A server that archived a write of block 0, and has one of block 1 in its journal alone. */
async function startAhead(): Promise<
  { bucket: Bucket; machine: Machine; first: Stack }
> {
  const bucket = new Bucket();
  const machine = bucket.machine();
  const first = await bucket.start(machine, "1");
  const disk = await openDisk(first);
  await write(disk, 0, 11);
  await first.front.checkpoint();
  await write(disk, 1, 12);
  return { bucket, machine, first };
}

async function stampsOf(disk: Volume): Promise<number[]> {
  const bytes = new Uint8Array(3 * 512);
  await disk.read({ lba: 0, sectorCount: 3 }, bytes, 0);
  return [0, 1, 2].map((sector) => stampOf(bytes, sector));
}

Deno.test("a root that its writer had on its way when it was taken over changes nothing any more", async () => {
  const bucket = new Bucket();
  const slow = new SlowRoots();
  const first = await bucket.start(
    bucket.machine(),
    "1",
    (store) => slow.wrap(store),
  );
  const old = await openDisk(first);
  await write(old, 0, 11);
  await first.front.checkpoint();
  const onItsWay = slow.begin();
  await write(old, 1, 12);
  first.front.checkpoint().catch(() => {});
  await onItsWay;
  const machine = bucket.machine();
  const second = await bucket.start(machine, "2");
  const disk = await openDisk(second);
  await write(disk, 2, 23);
  slow.letThrough();
  await first.port.lost;
  assert.deepEqual(await stampsOf(disk), [11, 0, 23]);
  await second.end();
  const again = await bucket.start(machine, "2");
  assert.deepEqual(await stampsOf(await openDisk(again)), [11, 0, 23]);
  await again.end();
  await first.end();
});

Deno.test("after a server that left, the next one publishes nothing by opening a volume", async () => {
  const bucket = new Bucket();
  const first = await bucket.start(bucket.machine(), "1");
  await write(await openDisk(first), 0, 11);
  await first.front.close();
  await first.port.close();
  const before = bucket.keys("roots/");
  const second = await bucket.start(bucket.machine(), "2");
  assert.deepEqual(await stampsOf(await openDisk(second)), [11, 0, 0]);
  assert.deepEqual(bucket.keys("roots/"), before);
  await second.end();
});

Deno.test("a journal that must not be replayed stays refused: no start makes the newest root its own first", async () => {
  const { bucket, machine, first } = await startAhead();
  await first.end();
  const second = await bucket.start(bucket.machine(), "2");
  await write(await openDisk(second), 2, 23);
  await second.front.checkpoint();
  await second.end();
  for (const key of bucket.keys("left/")) bucket.space.blobs.delete(key);
  const before = bucket.keys("roots/");
  for (let starts = 0; starts < 3; starts++) {
    await assert.rejects(
      bucket.start(machine, "1"),
      (error: Error) =>
        error instanceof JournalError && error.code === "Overtaken",
    );
    assert.deepEqual(bucket.keys("roots/"), before);
  }
});

Deno.test("a server that does not know whether a root will appear does not say that it left", async () => {
  const bucket = new Bucket();
  const tried = Promise.withResolvers<void>();
  let resets = false;
  const first = await bucket.start(bucket.machine(), "1", (store) => ({
    ...store,
    put: async (key, body, options): Promise<void> => {
      if (resets && key.startsWith("roots/")) {
        tried.resolve();
        throw new Error("the connection was reset");
      }
      await store.put(key, body, options);
    },
  }));
  await write(await openDisk(first), 0, 11);
  resets = true;
  first.front.checkpoint().catch(() => {});
  await tried.promise;
  await first.end();
  assert.deepEqual(bucket.keys("left/"), []);
});

async function namesOf({ port }: Stack, retired = false): Promise<string[]> {
  const volumes = await port.operate("volume list", { retired });
  return volumes.map(({ volume }) => volume);
}

Deno.test("a rename that its server had on its way when it was taken over changes no name any more", async () => {
  const bucket = new Bucket();
  const slow = new SlowRoots();
  const first = await bucket.start(
    bucket.machine(),
    "1",
    (store) => slow.wrap(store),
  );
  const request = { blockCount: 16 };
  for (const volume of ["left", "gone"]) {
    await first.port.operate("volume create", { ...request, volume });
  }
  await first.port.operate("volume retire", { volume: "gone" });
  const onItsWay = slow.begin();
  const renamed = first.port.operate("volume rename", {
    volume: "left",
    name: "right",
  });
  renamed.catch(() => {});
  await onItsWay;
  const machine = bucket.machine();
  const second = await bucket.start(machine, "2");
  slow.letThrough();
  await assert.rejects(renamed, /taken over/);
  await second.end();
  const again = await bucket.start(machine, "2");
  assert.deepEqual(await namesOf(again), ["left"]);
  assert.deepEqual(await namesOf(again, true), ["gone"]);
  await again.end();
  await first.end();
});

Deno.test("a journal may still be replayed into a volume that another server has had, and not opened", async () => {
  const { bucket, machine, first } = await startAhead();
  // Killed: it says nothing more.
  const second = await bucket.start(bucket.machine(), "2");
  await second.port.operate("volume create", {
    volume: "other",
    blockCount: 16,
  });
  await second.end();
  await first.front.abandon();
  const again = await bucket.start(machine, "1");
  assert.deepEqual(await stampsOf(await openDisk(again)), [11, 12, 0]);
  await write(await openDisk(again), 0, 13);
  const third = await bucket.start(bucket.machine(), "3");
  // Now there may be writes to it in another journal.
  await openDisk(third);
  await third.end();
  await again.front.abandon();
  await assert.rejects(
    bucket.start(machine, "1"),
    (error: Error) =>
      error instanceof JournalError && error.code === "Overtaken",
  );
  await again.end();
  await first.end();
});

Deno.test("a new volume that comes after its server was taken over leaves its name to the one made since", async () => {
  const bucket = new Bucket();
  const slow = new SlowRoots();
  const first = await bucket.start(
    bucket.machine(),
    "1",
    (store) => slow.wrap(store),
  );
  const onItsWay = slow.begin();
  const made = first.port.operate("volume create", {
    volume: "disk",
    blockCount: 32,
  });
  made.catch(() => {});
  await onItsWay;
  const machine = bucket.machine();
  const second = await bucket.start(machine, "2");
  await write(await openDisk(second), 0, 21);
  slow.letThrough();
  await assert.rejects(made, /taken over/);
  await second.end();
  for (let starts = 0; starts < 2; starts++) {
    const again = await bucket.start(machine, "2");
    assert.deepEqual(await stampsOf(await openDisk(again)), [21, 0, 0]);
    assert.deepEqual(await namesOf(again), ["disk"]);
    assert.deepEqual(await namesOf(again, true), ["disk"]);
    await again.end();
  }
  const again = await bucket.start(machine, "2");
  const [late] = await again.port.operate("volume list", { retired: true });
  const { volumeId } = late!;
  await again.port.operate("volume unretire", { volume: "disk", name: "late" });
  const back = await again.port.operate("state", { state: { volume: "late" } });
  assert.equal(back.volumeId, volumeId);
  assert.equal(back.blockCount, 32);
  await again.end();
  await first.end();
});
