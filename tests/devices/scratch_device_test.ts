import assert from "node:assert/strict";
import { ScratchDevice } from "../../devices/scratch_device.ts";
import { openScratchFile } from "../../devices/scratch_file.ts";
import { SparseMemoryDevice } from "../../devices/sparse_memory_device.ts";
import {
  checkAgainstModel,
  readSectors,
  sectors,
  Tickets,
} from "./disk_model.ts";

const SECTOR_COUNT = 2048;
const IDENTITY = { model: "m", serial: "s", firmware: "1" };

function memory(sectorCount: number): SparseMemoryDevice {
  return new SparseMemoryDevice({
    sectorCount,
    readOnly: false,
    identity: IDENTITY,
  });
}

Deno.test("a sparse disk in memory holds what was written and zeros elsewhere", async () => {
  const device = memory(SECTOR_COUNT);
  await checkAgainstModel(device, new Uint8Array(SECTOR_COUNT * 512), 7);
  device.grow(2 * SECTOR_COUNT);
  device.grow(8);
  assert.equal(device.sectorCount, 2 * SECTOR_COUNT);
  assert.deepEqual(
    await readSectors(device, SECTOR_COUNT, 8),
    sectors(8, 0),
  );
});

Deno.test("a sparse disk in memory may be larger than memory", async () => {
  const device = memory(2 ** 40);
  assert.ok(await new Tickets(device).write(2 ** 40 - 8, sectors(8, 9)));
  assert.deepEqual(
    await readSectors(device, 2 ** 40 - 16, 16),
    new Uint8Array([...sectors(8, 0), ...sectors(8, 9)]),
  );
});

Deno.test("a scratch disk reads as its base does, and writes beside it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-devices-" });
  const base = memory(SECTOR_COUNT);
  const content = new Uint8Array(SECTOR_COUNT * 512).map((_, at) => at >>> 9);
  base.write({ lba: 0, sectorCount: SECTOR_COUNT }, content, 0);
  const failures: string[] = [];
  const changes = openScratchFile({
    folder,
    name: "1.0",
    sectorCount: SECTOR_COUNT,
    onFailure: (message) => failures.push(message),
  });
  assert.deepEqual([...Deno.readDirSync(folder)], [], "it has no name");
  const scratch = new ScratchDevice({
    base,
    changes: changes.device,
    identity: IDENTITY,
  });
  assert.equal(scratch.readOnly, false);
  assert.deepEqual(await readSectors(scratch, 0, SECTOR_COUNT), content);
  await checkAgainstModel(scratch, content.slice(), 11);
  assert.deepEqual(await readSectors(base, 0, SECTOR_COUNT), content);
  assert.deepEqual(failures, []);
  await changes.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a scratch disk reads at once only what both of its sides have at hand", () => {
  const base = memory(SECTOR_COUNT);
  const changes = memory(SECTOR_COUNT);
  const scratch = new ScratchDevice({ base, changes, identity: IDENTITY });
  scratch.write({ lba: 1, sectorCount: 1 }, sectors(1, 5), 0);
  const into = sectors(3, 9);
  const range = { lba: 0, sectorCount: 3 };
  assert.ok(scratch.readNow(range, into, 0));
  assert.deepEqual(
    into,
    new Uint8Array([...sectors(1, 0), ...sectors(1, 5), ...sectors(1, 0)]),
  );
  changes.readNow = () => false;
  assert.equal(scratch.readNow(range, into, 0), false);
});

Deno.test("a scratch disk fails a read when its base does", async () => {
  const base = memory(SECTOR_COUNT);
  base.readNow = () => false;
  base.read = () => Promise.reject(new Error("damaged"));
  const scratch = new ScratchDevice({
    base,
    changes: memory(SECTOR_COUNT),
    identity: IDENTITY,
  });
  scratch.write({ lba: 0, sectorCount: 8 }, sectors(8, 5), 0);
  assert.deepEqual(await readSectors(scratch, 0, 8), sectors(8, 5));
  await assert.rejects(readSectors(scratch, 0, 9), /damaged/);
});
