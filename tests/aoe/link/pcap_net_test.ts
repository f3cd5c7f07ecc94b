/**
 * The libpcap link on real interfaces, each test in a network namespace of its
 * own, which takes root.
 */

import { createVeth, ip, runScenario, type ScenarioOptions } from "./veth.ts";

const LIBRARY = `/usr/lib/${Deno.build.arch}-linux-gnu/libpcap.so.0.8`;

/** One row: the sentence, the scenario, and what is special about it. */
interface Row extends ScenarioOptions {
  readonly title: string;
  readonly scenario: string;
  readonly mtu?: number;
}

const ROWS: readonly Row[] = [
  {
    title: "frames of every length up to MTU 1500 arrive byte for byte",
    scenario: "exchange",
  },
  {
    title: "frames of every length up to MTU 9000 arrive byte for byte",
    scenario: "exchange",
    mtu: 9000,
  },
  {
    title: "an FFI permission for libpcap's path alone is enough",
    scenario: "exchange",
    permissions: [`--allow-ffi=${LIBRARY}`],
  },
  { title: "what this host sends is not received", scenario: "ownFrames" },
  { title: "short frames are padded with zeros", scenario: "padding" },
  {
    title: "frames of other ethertypes, VLANs and hosts are ignored",
    scenario: "otherFrames",
  },
  { title: "drain() keeps to its limit", scenario: "drainLimit" },
  { title: "close() ends a wait", scenario: "closeWhileWaiting" },
  { title: "close() may come from a handler", scenario: "closeWhileDraining" },
  {
    title: "MAC and MTU are known without an IP address",
    scenario: "facts",
    mtu: 4321,
  },
  { title: "frames lost by the capture are counted", scenario: "drops" },
  { title: "a flood leaves timers their turn", scenario: "flood" },
  {
    title: "an interface that goes down and up again is served on",
    scenario: "downAndUp",
  },
  {
    title: "an interface that is removed closes its link",
    scenario: "removed",
  },
  { title: "loopback delivers each frame once", scenario: "loopback" },
  {
    title: "server and initiator talk over loopback, each request once",
    scenario: "loopbackProcesses",
  },
  { title: "all interfaces are listed", scenario: "interfaces" },
  { title: "each obstacle is named, with its cure", scenario: "errors" },
  {
    title: "a missing capability is named, with its cure",
    scenario: "withoutCapability",
    wrapper: ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"],
  },
  {
    title: "a missing FFI permission is named, with its cure",
    scenario: "withoutPermission",
    permissions: ["--allow-read"],
  },
];

const isRoot = Deno.uid() === 0;
const REMEDY = isRoot
  ? ""
  : " (skipped: it takes root; type: sudo, before deno)";

for (const { title, scenario, mtu = 1500, ...options } of ROWS) {
  Deno.test(`PcapLink: ${title}${REMEDY}`, { ignore: !isRoot }, async () => {
    await using namespace = await createVeth(mtu);
    await runScenario(namespace, scenario, options);
  });
}

Deno.test(
  `PcapLink: a burst that a slow interface queues is not lost${REMEDY}`,
  { ignore: !isRoot },
  async () => {
    await using namespace = await createVeth(9000);
    await limitRate(namespace.name);
    await runScenario(namespace, "slowDevice");
  },
);

/** Lets frames leave the left end at 1 Gbit/s, as a network card would. */
async function limitRate(namespace: string): Promise<void> {
  const tc = ["netns", "exec", namespace, "tc", "qdisc", "add", "dev", "left0"];
  const rate = ["tbf", "rate", "1gbit", "burst", "20k", "limit", "4m"];
  await ip(...tc, "root", ...rate);
}
