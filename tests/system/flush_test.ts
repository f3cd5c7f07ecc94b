/** What FLUSH waits for. */

import assert from "node:assert/strict";
import { callControl } from "../../cli/serving/control.ts";
import type { ServerStatus } from "../../cli/serving/server_status.ts";
import { noise } from "./disk_content.ts";
import { SystemRig, systemTest } from "./rig.ts";

systemTest(
  "FLUSH waits for the journal, or for the store where that is asked",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    await using _server = await rig.serve(store, [
      "1.0=local:1MiB,flush=journal",
      "1.1=far:1MiB",
    ], ["--create", "--flush", "remote"]);
    using local = await rig.attach("1.0");
    using far = await rig.attach("1.1");
    const behind = async (): Promise<number> => {
      const answer = await callControl(
        `${rig.folder}/archive/local/control.sock`,
        {
          verb: "status",
        },
      );
      return (answer?.result as ServerStatus).unarchivedBytes;
    };
    await local.target.write(0, noise(4096));
    await local.target.flush();
    assert.equal(await behind(), 4096);
    await far.target.write(0, noise(4096));
    await far.target.flush();
    // A checkpoint is of all volumes.
    assert.equal(await behind(), 0);
  },
);
