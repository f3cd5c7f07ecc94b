import assert from "node:assert/strict";
import { openFileReads } from "../../cli/serving/file_reads.ts";
import { DeviceError } from "../../devices/device_error.ts";
import type { FileReads, OpenFileReads } from "../../devices/file_reads.ts";
import { openPathDevice, type PathDevice } from "../../devices/path_device.ts";
import {
  checkAgainstModel,
  readSectors,
  sectors,
  Tickets,
} from "./disk_model.ts";

const SIZE: number = 1024 * 1024;

interface Fixture extends AsyncDisposable {
  readonly folder: string;
  readonly path: string;
  readonly failures: string[];
  open(
    options?: {
      readOnly?: boolean;
      createBytes?: number;
      host?: string;
      openReads?: OpenFileReads;
    },
  ): PathDevice;
}

async function fixture(content?: Uint8Array): Promise<Fixture> {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-devices-" });
  const path = `${folder}/disk.img`;
  if (content !== undefined) await Deno.writeFile(path, content);
  const failures: string[] = [];
  return {
    folder,
    path,
    failures,
    open: (options = {}) =>
      openPathDevice({
        path,
        readOnly: options.readOnly ?? false,
        host: options.host ?? "here",
        ...(options.createBytes === undefined
          ? {}
          : { createBytes: options.createBytes }),
        ...(options.openReads === undefined
          ? {}
          : { openReads: options.openReads }),
        onFailure: (message) => failures.push(message),
      }),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

function assertRefuses(
  open: () => PathDevice,
  code: string,
  message: RegExp,
): void {
  assert.throws(open, (error) => {
    assert.ok(error instanceof DeviceError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

/** Reads that always ask the other thread. */
function openSlowReads(descriptor: number): FileReads | undefined {
  const reads = openFileReads(descriptor);
  return reads && {
    readNow: () => false,
    read: reads.read,
    close: () => reads.close(),
  };
}

const READERS: readonly [string, { readonly openReads?: OpenFileReads }][] = [
  ["on the thread", {}],
  ["at once or on other threads", { openReads: openFileReads }],
  ["on other threads", { openReads: openSlowReads }],
];

for (const [how, options] of READERS) {
  Deno.test(`a file is a disk: what was written is read ${how}, and is in the file`, async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const model = new Uint8Array(SIZE).map((_, at) => at >>> 9);
      await using files = await fixture(model);
      const opened = files.open(options);
      await checkAgainstModel(opened.device, model, seed);
      await opened.close();
      assert.deepEqual(await Deno.readFile(files.path), model);
      assert.deepEqual(files.failures, []);
    }
  });
}

Deno.test("a write is in the file when its ticket settles, though nothing was closed", async () => {
  await using files = await fixture(new Uint8Array(SIZE));
  const opened = files.open();
  const tickets = new Tickets(opened.device);
  assert.ok(await tickets.write(3, sectors(2, 7)));
  const bytes = await Deno.readFile(files.path);
  assert.deepEqual(bytes.subarray(3 * 512, 5 * 512), sectors(2, 7));
  assert.equal(opened.device.lastTicket, 0);
  await opened.close();
});

Deno.test("a full batch makes writers wait, and then goes on", async () => {
  await using files = await fixture(new Uint8Array(8 * SIZE));
  const opened = files.open();
  const tickets = new Tickets(opened.device);
  let refused = false;
  const writes = [];
  for (let i = 0; i < 64; i++) {
    writes.push(tickets.write(i * 256, sectors(128, i + 1)));
    const range = { lba: i * 256 + 128, sectorCount: 128 };
    refused ||= opened.device.write(range, sectors(128, 1), 0) === 0;
  }
  assert.ok(refused, "a megabyte is all that gathers");
  assert.ok((await Promise.all(writes)).every((ok) => ok));
  for (let i = 1; i < 64; i++) {
    assert.deepEqual(
      await readSectors(opened.device, i * 256, 128),
      sectors(128, i + 1),
    );
  }
  await opened.close();
});

Deno.test("a write that the system refuses fails its ticket and is reported", async () => {
  await using files = await fixture(new Uint8Array(SIZE));
  const opened = files.open({ readOnly: true });
  // The target keeps writes from a read-only disk: here the system does.
  const tickets = new Tickets(opened.device);
  assert.equal(await tickets.write(0, sectors(1, 1)), false);
  assert.equal(files.failures.length, 1);
  assert.match(files.failures[0]!, /Cannot write to .*disk\.img/);
  await opened.close();
});

Deno.test("a read past the end of a file that was cut fails and is reported", async () => {
  await using files = await fixture(new Uint8Array(SIZE));
  const opened = files.open();
  await Deno.truncate(files.path, 4096);
  await assert.rejects(readSectors(opened.device, 4, 8), /ends at byte 4096/);
  assert.equal(files.failures.length, 1);
  await opened.close();
});

Deno.test("a size is rounded down to whole blocks, and has to be one block", async () => {
  await using files = await fixture(new Uint8Array(3 * 4096 + 512));
  const opened = files.open();
  assert.equal(opened.device.sectorCount, 24);
  await opened.close();
  await Deno.truncate(files.path, 4095);
  assertRefuses(() => files.open(), "Failed", /less than 4096/);
});

Deno.test("a second writer of a file is refused, several readers are not", async () => {
  await using files = await fixture(new Uint8Array(SIZE));
  const writer = files.open();
  assertRefuses(() => files.open(), "Busy", /another process has locked it/);
  assertRefuses(() => files.open({ readOnly: true }), "Busy", /locked/);
  await writer.close();
  const readers = [
    files.open({ readOnly: true }),
    files.open({ readOnly: true }),
  ];
  assertRefuses(() => files.open(), "Busy", /locked/);
  for (const reader of readers) await reader.close();
});

Deno.test("a missing file is made only when asked to, and what is no disk is refused", async () => {
  await using files = await fixture();
  assertRefuses(() => files.open(), "Missing", /--create/);
  assert.throws(() => Deno.statSync(files.path), Deno.errors.NotFound);
  const opened = files.open({ createBytes: SIZE });
  assert.equal(opened.device.sectorCount, SIZE / 512);
  await opened.close();
  await Deno.remove(files.path);
  await Deno.mkdir(files.path);
  assertRefuses(() => files.open(), "Failed", /disk\.img/);
  assertRefuses(() => files.open({ readOnly: true }), "Failed", /neither/);
});

Deno.test("a file grows while it is served, and never shrinks", async () => {
  await using files = await fixture(new Uint8Array(SIZE));
  const opened = files.open();
  opened.resize(2 * SIZE);
  assert.equal(opened.device.sectorCount, 2 * SIZE / 512);
  assert.equal((await Deno.stat(files.path)).size, 2 * SIZE);
  assert.throws(() => opened.resize(SIZE), DeviceError);
  await Deno.truncate(files.path, 3 * SIZE);
  opened.refresh();
  assert.equal(opened.device.sectorCount, 3 * SIZE / 512);
  await opened.close();
});

Deno.test("the serial of a file stays the same, and differs between files and machines", async () => {
  await using files = await fixture(new Uint8Array(SIZE));
  await using others = await fixture(new Uint8Array(SIZE));
  async function serialOf(opened: PathDevice): Promise<string> {
    await opened.close();
    return opened.device.identity.serial;
  }
  const serial = await serialOf(files.open());
  assert.match(serial, /^[0-9A-F]{20}$/);
  assert.equal(await serialOf(files.open()), serial);
  assert.notEqual(await serialOf(others.open()), serial);
  assert.notEqual(await serialOf(files.open({ host: "there" })), serial);
});
