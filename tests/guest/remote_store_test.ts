/**
 * A Linux guest whose disk is in a remote store that goes away and comes back.
 * For the outage of a minute: DEEPSHELF_OUTAGE_SECONDS=60.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { callControl } from "../../cli/serving/control.ts";
import type { ServerStatus } from "../../cli/serving/server_status.ts";
import { CEPH_REQUIREMENTS } from "../../setup/requirements.ts";
import { startCeph } from "../../setup/services/ceph.ts";
import { GatewayProxy } from "../services/gateway_proxy.ts";
import { readAll } from "../system/disk_content.ts";
import { SystemRig } from "../system/rig.ts";
import {
  assertNoDiskErrors,
  ext4,
  makeAndMount,
  unmountAndCheck,
  waitForDisk,
} from "./disk.ts";
import { MOUNT_POINT_IN_GUEST } from "./guest.ts";
import { GuestRig, guestTest, TAP } from "./rig.ts";
import { startServer } from "./server.ts";

const OUTAGE_SECONDS = Number(
  Deno.env.get("DEEPSHELF_OUTAGE_SECONDS") ?? 15,
);
const MAX_LAG_SECONDS = 4;
const DISK_MIB = 128;
/** At 1 MiB a second it begins before the outage and ends after it. */
const WRITTEN_MIB = OUTAGE_SECONDS + 10;

const VERIFIED_WRITES = [
  "fio --name=verified --rw=randwrite --bs=4k --rate=1m",
  `--size=${WRITTEN_MIB}m --directory=${MOUNT_POINT_IN_GUEST}`,
  "--ioengine=libaio --iodepth=16 --direct=1",
  "--verify=crc32c --do_verify=1 --verify_fatal=1",
].join(" ");

guestTest(
  "Linux works on while its store is away, and another machine serves the disk from the store alone",
  async () => {
    await using ceph = await startCeph();
    await using gateway = await ceph.startAnother();
    Deno.env.set("AWS_ACCESS_KEY_ID", ceph.accessKeyId);
    Deno.env.set("AWS_SECRET_ACCESS_KEY", ceph.secretAccessKey);
    try {
      const sum = await workThroughOutage(gateway);
      assert.equal(await sumElsewhere(ceph.endpoint), sum);
    } finally {
      Deno.env.delete("AWS_ACCESS_KEY_ID");
      Deno.env.delete("AWS_SECRET_ACCESS_KEY");
    }
  },
  CEPH_REQUIREMENTS,
);

/** The SHA-256 of the disk in the end. */
async function workThroughOutage(
  gateway: Awaited<
    ReturnType<Awaited<ReturnType<typeof startCeph>>["startAnother"]>
  >,
): Promise<string> {
  await using rig = await GuestRig.create({ mtu: 9000 });
  const { guest } = rig;
  await using proxy = new GatewayProxy({
    endpoint: gateway.endpoint,
    namespace: rig.namespace.name,
  });
  const state = rig.serverFolder;
  await using server = await startServer({
    namespace: rig.namespace,
    interfaces: [TAP],
    store: `s3://shelf/guest?endpoint=${proxy.endpoint}`,
    targets: [`1.0=disk:${DISK_MIB}MiB`],
    extraArguments: [
      ...["--create", "--state", state, "--max-lag", `${MAX_LAG_SECONDS}`],
    ],
  });
  const status = async (): Promise<ServerStatus> => {
    const answer = await callControl(`${state}/control.sock`, {
      verb: "status",
    });
    return answer?.result as ServerStatus;
  };
  return await server.explain(async () => {
    const device = await waitForDisk(guest, "1.0");
    await makeAndMount(guest, ext4, device);
    const writing = guest.run(VERIFIED_WRITES, { timeoutMs: 600_000 });
    // Awaited below, unless something else fails before.
    writing.catch(() => {});
    await seconds(3);
    await gateway.stop();
    const stoppedMs = Date.now();
    await server.waitFor("archive-behind");
    const during = await status();
    assert.equal(during.behind, true);
    assert.ok(
      during.unarchivedBytes > 0 && during.lagSeconds > MAX_LAG_SECONDS,
    );
    await seconds(OUTAGE_SECONDS - (Date.now() - stoppedMs) / 1000);
    await gateway.start();
    await server.waitFor("archive-caught-up");

    const { code, stdout, stderr } = await writing;
    assert.equal(code, 0, `fio failed: ${stdout}${stderr}`);
    await unmountAndCheck(guest, ext4, device);
    await assertNoDiskErrors(guest);
    const sum = (await guest.check(`sha256sum ${device}`)).split(" ")[0]!;
    while ((await status()).unarchivedBytes > 0) await seconds(0.2);
    // Nothing more is saved: what the store has now is all there is.
    await server.end("SIGKILL");
    return sum;
  });
}

/** The same by a server on another wire that has no state, read-only. */
async function sumElsewhere(endpoint: string): Promise<string> {
  await using rig = await SystemRig.create(9000);
  await using proxy = new GatewayProxy({
    endpoint,
    namespace: rig.namespace.name,
  });
  const store = `s3://shelf/guest?endpoint=${proxy.endpoint}`;
  await using _server = await rig.serve(store, ["1.0=disk"], ["--read-only"]);
  using client = await rig.attach("1.0");
  const bytes = await readAll(client.target, 0, DISK_MIB * 2 ** 20);
  return createHash("sha256").update(bytes).digest("hex");
}

function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000));
}
