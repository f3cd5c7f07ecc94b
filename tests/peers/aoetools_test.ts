/** The tools of Debian's aoetools that need no driver, against the server. */

import assert from "node:assert/strict";
import { AOETOOLS_REQUIREMENTS } from "../../setup/requirements.ts";
import { run, type RunResult } from "../../setup/run.ts";
import type { ServerEvent } from "../guest/server.ts";
import { within } from "../guest/within.ts";
import { CLIENT_INTERFACE, SystemRig, systemTest } from "../system/rig.ts";

/** Long for tools that wait for one answer; some wait for ever. */
const TOOL_TIMEOUT_S = 15;
/** aoecfg listens this long, then leaves: it cannot know who else answers. */
const LISTEN_S = "1";
const SERIAL = "SHELF-12-BAY-3";

/** Runs a tool at the client's end of the wire, to its end. */
function tool(rig: SystemRig, ...command: string[]): Promise<RunResult> {
  return within(
    run("ip", [
      ...["netns", "exec", rig.namespace.name],
      ...["timeout", `${TOOL_TIMEOUT_S}`, ...command],
    ]),
    { timeoutMs: 2 * TOOL_TIMEOUT_S * 1000, what: command.join(" ") },
  );
}

/** Runs a tool that must succeed; what it printed. */
async function output(rig: SystemRig, ...command: string[]): Promise<string> {
  const result = await tool(rig, ...command);
  const said = `${command.join(" ")}: ${result.stdout}${result.stderr}`;
  assert.ok(result.success, said);
  assert.equal(result.stderr, "", said);
  return result.stdout;
}

systemTest(
  "aoecfg reads and sets config strings, which outlive the server",
  async () => {
    await using rig = await SystemRig.create(1500);
    const store = `file:${rig.folder}/archive`;
    const targets = ["12.3=first:64MiB", "12.4=second:64MiB,config=of second"];
    const ask = (...words: string[]): Promise<string> =>
      output(rig, "aoecfg", "-t", LISTEN_S, ...words, CLIENT_INTERFACE);
    const of = (slot: string): string[] => ["12", slot];
    {
      await using server = await rig.serve(store, targets);
      assert.equal(await ask(...of("3")), "\n");
      assert.equal(
        await ask("-c", "set", "-s", "host a", ...of("3")),
        "host a\n",
      );
      assert.equal(await ask(...of("3")), "host a\n");
      // Error 4, and the string stays.
      assert.equal(
        await ask("-c", "set", "-s", "host b", ...of("3")),
        "*badcfg*\n",
      );
      assert.equal(
        await ask("-c", "test", "-s", "host a", ...of("3")),
        "host a\n",
      );
      assert.equal(await ask("-c", "test", "-s", "host", ...of("3")), "");
      assert.equal(
        await ask("-c", "prefix", "-s", "ho", ...of("3")),
        "host a\n",
      );
      assert.equal(
        await ask("-c", "fset", "-s", "host b", ...of("3")),
        "host b\n",
      );
      const { code } = await server.end("SIGTERM");
      assert.equal(code, 0, server.log());
    }
    await using _server = await rig.serve(store, targets);
    const all = (await ask()).trimEnd().split("\n").sort();
    assert.deepEqual(all, ["12.3\thost b", "12.4\tof second"]);
  },
  AOETOOLS_REQUIREMENTS,
);

systemTest(
  "aoeping finds a target, identifies it, and reads its SMART data",
  async () => {
    await using rig = await SystemRig.create(1500);
    await using server = await rig.serve(`file:${rig.folder}/archive`, [
      `12.3=disk:64MiB,serial=${SERIAL},config=hello`,
    ]);
    const ping = (...words: string[]): Promise<string> =>
      output(rig, "aoeping", ...words, "12", "3", CLIENT_INTERFACE);
    const mac = (await macOf(rig, "server0")).replaceAll(":", "");
    const found = await ping("-v");
    assert.match(found, new RegExp(`^found e12\\.3 with mac ${mac}$`, "m"));

    const fields = await ping("-I");
    assert.match(fields, new RegExp(`^serial_number: ${SERIAL} *$`, "m"));
    assert.match(fields, /^model: Deepshelf *$/m);
    const words = hexBytes(await ping("-i"), "device identify response:");
    const sectors = words.getUint32(100 * 2, true);
    assert.equal(sectors, 64 * 1024 * 1024 / 512);

    const smart = await ping("-S", "read_data");
    assert.match(smart, /Status: 0x40$/m);
    let sum = 0;
    const data = hexBytes(smart, "SMART data:");
    for (let at = 0; at < data.byteLength; at++) sum += data.getUint8(at);
    assert.equal(sum % 256, 0, "the checksum of the SMART data");

    const absent = ["-s", "1", "12", "4", CLIENT_INTERFACE];
    assert.equal((await tool(rig, "aoeping", ...absent)).success, false);
    assertNoComplaints(server.events);
  },
  AOETOOLS_REQUIREMENTS,
);

for (
  const { mtu, payload } of [{ mtu: 1500, payload: 1024 }, {
    mtu: 9000,
    payload: 8192,
  }]
) {
  systemTest(
    `aoe-sancheck finds nothing wrong with a path of MTU ${mtu}`,
    async () => {
      await using rig = await SystemRig.create(mtu);
      await using server = await rig.serve(`file:${rig.folder}/archive`, [
        "12.3=first:64MiB",
        "12.4=second:64MiB",
      ]);
      const said = await output(rig, "aoe-sancheck");
      const devices = said.slice(said.indexOf("DEVICE SUMMARY"))
        .split("\n").slice(3).filter((line) => line !== "");
      assert.deepEqual(
        devices.map((line) => line.split("\t").map((it) => it.trim())),
        ["e12.3", "e12.4"].map((it) => [it, "1", `${payload}`, "client0"]),
        said,
      );
      assertNoComplaints(server.events);
    },
    AOETOOLS_REQUIREMENTS,
  );
}

/** Fails if the server has said anything but that it is ready. */
function assertNoComplaints(events: readonly ServerEvent[]): void {
  const complaints = events.filter((it) => it["severity"] !== "info");
  assert.deepEqual(complaints, []);
}

/** The address of an interface of the rig. */
async function macOf(rig: SystemRig, name: string): Promise<string> {
  const path = `/sys/class/net/${name}/address`;
  return (await output(rig, "cat", path)).trim();
}

/** The sector that a tool printed in rows of hexadecimal bytes. */
function hexBytes(printed: string, heading: string): DataView {
  const start = printed.indexOf(heading);
  assert.notEqual(start, -1, printed);
  const digits = printed.slice(start + heading.length).trim().split(/\s+/);
  const bytes = digits.map((it) => Number.parseInt(it, 16));
  assert.equal(bytes.length, 512, printed);
  return new DataView(Uint8Array.from(bytes).buffer);
}
