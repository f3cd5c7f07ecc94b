/**
 * A guest at work on a volume of which snapshots are made while every byte of
 * the archive is being verified.
 *
 * It takes a minute or so; DEEPSHELF_SOAK_SECONDS=600 makes it ten.
 */

import assert from "node:assert/strict";
import {
  assertNoDiskErrors,
  ext4,
  makeAndMount,
  unmountAndCheck,
  waitForDisk,
} from "./disk.ts";
import { type Guest, MOUNT_POINT_IN_GUEST } from "./guest.ts";
import { GuestRig, guestTest, TAP } from "./rig.ts";
import { runCommand, startServer } from "./server.ts";

const SOAK_MS = Number(Deno.env.get("DEEPSHELF_SOAK_SECONDS") ?? "0") * 1000;
const SNAPSHOTS_COMPARED = 3;
/** How long the guest works between two snapshots. */
const WORK_MS = SOAK_MS === 0 ? 5000 : 20_000;

/** Told to the work when it is enough. */
const ENOUGH = "/tmp/enough";

/** Reads and writes at random places, and verifies what was written before. */
const VERIFIED_WORK = [
  `until [ -e ${ENOUGH} ]; do`,
  "fio --name=soak --rw=randrw --bs=4k --size=8m --rate=1m,1m",
  `--directory=${MOUNT_POINT_IN_GUEST} --ioengine=libaio --iodepth=16`,
  "--direct=1 --time_based --runtime=10",
  "--verify=crc32c --verify_backlog=256 --verify_fatal=1",
  "|| exit; done",
].join(" ");

guestTest(
  "Linux works on while snapshots are made and the archive is scrubbed, and each snapshot is what it saw",
  async () => {
    await using rig = await GuestRig.create({ mtu: 9000 });
    const { guest } = rig;
    const store = `file:${rig.serverFolder}/archive`;
    await using server = await startServer({
      namespace: rig.namespace,
      interfaces: [TAP],
      store,
      targets: ["1.0=disk:48MiB"],
    });
    const device = await waitForDisk(guest, "1.0");
    await makeAndMount(guest, ext4, device);

    const work = new AbortController();
    const [{ code, stdout, stderr }, sums] = await Promise.all([
      guest.run(VERIFIED_WORK, { timeoutMs: SOAK_MS + 600_000 })
        .finally(() => work.abort()),
      makeSnapshots(guest, device, store, work.signal)
        .finally(() => guest.check(`touch ${ENOUGH}`)),
      scrubAgainAndAgain(store, work.signal),
    ]);
    assert.equal(code, 0, `fio failed: ${stdout}${stderr}\n${server.log()}`);
    await unmountAndCheck(guest, ext4, device);
    await assertNoDiskErrors(guest);
    await server.explain(() => compare(sums, store, rig.serverFolder));
  },
);

/** Makes snapshots for as long as asked; returns the checksums that the guest saw. */
async function makeSnapshots(
  guest: Guest,
  device: string,
  store: string,
  over: AbortSignal,
): Promise<Map<string, string>> {
  const sums = new Map<string, string>();
  const startMs = performance.now();
  while (
    sums.size < SNAPSHOTS_COMPARED || performance.now() - startMs < SOAK_MS
  ) {
    await pause(WORK_MS, over);
    if (over.aborted) break;
    const name = `soak-${sums.size}`;
    // Frozen, the file system is all on the disk, and the work waits.
    await guest.check(`fsfreeze --freeze ${MOUNT_POINT_IN_GUEST}`);
    try {
      const seen = await guest.check(
        `dd if=${device} iflag=direct bs=64k status=none | sha256sum`,
      );
      const made = await runCommand(
        ...["snapshot", "create", "disk", name, "--store", store],
      );
      assert(made.success, made.stderr);
      sums.set(name, seen.split(" ")[0] ?? "");
    } finally {
      await guest.check(`fsfreeze --unfreeze ${MOUNT_POINT_IN_GUEST}`);
    }
  }
  return sums;
}

/** Scrubs the archive from start to end, once at least, until it is over. */
async function scrubAgainAndAgain(
  store: string,
  over: AbortSignal,
): Promise<void> {
  do {
    const scrub = await runCommand("scrub", "--restart", "--store", store);
    assert(scrub.success, `${scrub.stdout}${scrub.stderr}`);
    await pause(1000, over);
  } while (!over.aborted);
}

/** Fails unless some of the snapshots, taken at random, are what the guest saw. */
async function compare(
  sums: ReadonlyMap<string, string>,
  store: string,
  folder: string,
): Promise<void> {
  const names = [...sums.keys()].sort(() => Math.random() - 0.5);
  for (const name of names.slice(0, SNAPSHOTS_COMPARED)) {
    const image = `${folder}/${name}.img`;
    const state = `disk@${name}`;
    const exported = await runCommand(
      ...["export", state, image, "--store", store],
    );
    assert(exported.success, exported.stderr);
    const bytes = await Deno.readFile(image);
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    assert.equal(new Uint8Array(digest).toHex(), sums.get(name), state);
    await Deno.remove(image);
  }
}

/** Resolves after a time, or at once when it is over. */
function pause(durationMs: number, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(finish, durationMs);
    over.addEventListener("abort", finish, { once: true });
    function finish(): void {
      clearTimeout(timer);
      over.removeEventListener("abort", finish);
      resolve();
    }
    if (over.aborted) finish();
  });
}
