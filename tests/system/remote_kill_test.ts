/**
 * The kill rounds with the archive in Ceph, and faults at every request. Many
 * rounds: DEEPSHELF_KILL_ROUNDS=50.
 */

import assert from "node:assert/strict";
import { CEPH_REQUIREMENTS } from "../../setup/requirements.ts";
import { startCeph } from "../../setup/services/ceph.ts";
import { GatewayProxy } from "../services/gateway_proxy.ts";
import { seeded } from "./disk_content.ts";
import { killRounds } from "./kill_rounds.ts";
import { SystemRig, systemTest } from "./rig.ts";

const ROUND_COUNT = Number(Deno.env.get("DEEPSHELF_KILL_ROUNDS") ?? 3);
/** Long enough for a checkpoint by age, at `--max-lag 1`. */
const LIFE_MS_MAX = 2500;

systemTest(
  "kill -9 loses nothing with the archive in Ceph and faults before, after and within its answers",
  async () => {
    await using ceph = await startCeph();
    await using rig = await SystemRig.create(9000);
    const random = seeded(20261123);
    await using proxy = new GatewayProxy({
      endpoint: ceph.endpoint,
      namespace: rig.namespace.name,
      faults: {
        before: 0.05,
        after: 0.05,
        truncated: 0.05,
        slow: 0.2,
        slowMsMax: 100,
      },
      random,
    });
    Deno.env.set("AWS_ACCESS_KEY_ID", ceph.accessKeyId);
    Deno.env.set("AWS_SECRET_ACCESS_KEY", ceph.secretAccessKey);
    try {
      const state = `${rig.folder}/state`;
      const acknowledged = await killRounds({
        rig,
        store: `s3://shelf/archive?endpoint=${proxy.endpoint}`,
        state,
        extraArguments: ["--state", state, "--max-lag", "1"],
        roundCount: ROUND_COUNT,
        random: seeded(20261124),
        lifeMsMax: LIFE_MS_MAX,
      });
      assert.ok(acknowledged > 10 * ROUND_COUNT, `${acknowledged} writes`);
      assert.ok(proxy.faultCount > 0, "no request met a fault");
    } finally {
      Deno.env.delete("AWS_ACCESS_KEY_ID");
      Deno.env.delete("AWS_SECRET_ACCESS_KEY");
    }
  },
  CEPH_REQUIREMENTS,
);
