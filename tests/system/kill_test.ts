import assert from "node:assert/strict";
import { seeded } from "./disk_content.ts";
import { killRounds } from "./kill_rounds.ts";
import { SystemRig, systemTest } from "./rig.ts";

const ROUND_COUNT = 50;

systemTest(
  "kill -9 at fifty random moments loses no acknowledged write and tears no sector",
  async () => {
    await using rig = await SystemRig.create(9000);
    const acknowledged = await killRounds({
      rig,
      store: `file:${rig.folder}/archive`,
      state: `${rig.folder}/archive/local`,
      extraArguments: [],
      roundCount: ROUND_COUNT,
      random: seeded(20261122),
      lifeMsMax: 300,
    });
    assert.ok(acknowledged > 10 * ROUND_COUNT, `${acknowledged} writes`);
  },
);
