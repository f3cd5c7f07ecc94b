import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { FileDevice } from "../../devices/file_device.ts";
import { sectors, Tickets } from "./disk_model.ts";

const SECTOR_COUNT = 64;

interface Rig {
  readonly path: string;
  readonly device: FileDevice;
  readonly tickets: Tickets;
  /** Syncs under way; resolving or rejecting one ends it. */
  readonly syncs: PromiseWithResolvers<void>[];
  readonly failures: string[];
}

async function withRig(body: (rig: Rig) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ prefix: "deepshelf-devices-" });
  await Deno.truncate(path, SECTOR_COUNT * 512);
  const descriptor = openSync(path, "r+");
  const syncs: PromiseWithResolvers<void>[] = [];
  const failures: string[] = [];
  const device = new FileDevice({
    descriptor,
    label: "the file",
    sectorCount: SECTOR_COUNT,
    readOnly: false,
    sync(synced): Promise<void> {
      assert.equal(synced, descriptor);
      const started = Promise.withResolvers<void>();
      syncs.push(started);
      return started.promise;
    },
    identity: { model: "m", serial: "s", firmware: "1" },
    onFailure: (message) => failures.push(message),
  });
  await body({ path, device, tickets: new Tickets(device), syncs, failures });
  await device.drain();
  closeSync(descriptor);
  await Deno.remove(path);
}

/** Waits until a sync is under way. */
async function syncStarted(
  syncs: readonly unknown[],
  count: number,
): Promise<void> {
  while (syncs.length < count) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

Deno.test("a ticket settles when its write was synced, not when it was written", async () => {
  await withRig(async ({ path, device, tickets, syncs }) => {
    let settled = false;
    const written = tickets.write(5, sectors(1, 9)).then((ok) => {
      settled = true;
      return ok;
    });
    await syncStarted(syncs, 1);
    const bytes = await Deno.readFile(path);
    assert.deepEqual(bytes.subarray(5 * 512, 6 * 512), sectors(1, 9));
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(settled, false);
    assert.notEqual(device.lastTicket, 0);
    syncs[0]!.resolve();
    assert.equal(await written, true);
    assert.equal(device.lastTicket, 0);
  });
});

Deno.test("writes that come during a sync share the next one", async () => {
  await withRig(async ({ tickets, syncs }) => {
    const first = tickets.write(0, sectors(1, 1));
    await syncStarted(syncs, 1);
    const later = Array.from(
      { length: 10 },
      (_, at) => tickets.write(3 * at, sectors(2, at)),
    );
    syncs[0]!.resolve();
    assert.equal(await first, true);
    await syncStarted(syncs, 2);
    syncs[1]!.resolve();
    assert.ok((await Promise.all(later)).every((ok) => ok));
    assert.equal(syncs.length, 2);
  });
});

Deno.test("a sync that fails fails its writes, and those after it are tried", async () => {
  await withRig(async ({ tickets, syncs, failures }) => {
    const failing = [
      tickets.write(0, sectors(1, 1)),
      tickets.write(8, sectors(1, 1)),
    ];
    await syncStarted(syncs, 1);
    const later = tickets.write(0, sectors(1, 2));
    syncs[0]!.reject(new Error("EIO"));
    assert.deepEqual(await Promise.all(failing), [false, false]);
    await syncStarted(syncs, 2);
    syncs[1]!.resolve();
    assert.equal(await later, true);
    assert.equal(failures.length, 1);
    assert.match(failures[0]!, /Cannot write to the file: EIO/);
  });
});
