/** Scrubs beside a server, as a user asks for them. */

import assert from "node:assert/strict";
import { ExitStatus } from "../../cli/exit_status.ts";
import { assertContent, filesBelow, noise, writeAll } from "./disk_content.ts";
import { refusalWithin, resultsWithin, runWithin } from "./commands.ts";
import { SystemRig, systemTest } from "./rig.ts";

const PART_BYTES: number = 1024 * 1024;

interface Found {
  readonly faultCount: number;
  readonly packCount: number;
  readonly endedMs?: number;
}

systemTest(
  "a server scrubs by the clock, a command scrubs beside it, and status and stats tell what was found",
  async () => {
    await using rig = await SystemRig.create(9000);
    const store = `file:${rig.folder}/archive`;
    const scrubs = ["--scrub", "1h,rate=64MiB"];
    await using server = await rig.serve(store, ["1.0=disk:16MiB"], [
      "--create",
      ...scrubs,
    ]);
    await server.waitFor("scrub-done");
    using client = await rig.attach("1.0");
    const bytes = noise(PART_BYTES);
    await writeAll(client.target, 0, bytes);
    const ask = <Result>(...words: string[]): Promise<Result[]> =>
      resultsWithin<Result>(rig.namespace, ...words, "--store", store);
    // Brings what was written into the archive.
    await ask("history", "disk");
    const sound = (await ask<Found>("scrub")).at(-1)!;
    assert.equal(sound.faultCount, 0);
    assert.ok(sound.packCount > 0 && sound.endedMs !== undefined);
    await assertContent(client.target, 0, bytes);

    const packs = await filesBelow(`${rig.folder}/archive/packs`);
    for (const path of packs) {
      const pack = await Deno.readFile(path);
      pack[20]! ^= 1;
      await Deno.chmod(path, 0o644);
      await Deno.writeFile(path, pack);
    }
    const words = ["scrub", "--store", store, "--sample", "100%", "--json"];
    const damaged = await runWithin(rig.namespace, ...words);
    assert.equal(damaged.success, false);
    assert.equal(
      server.events.filter((it) => it.event === "scrub-fault").length,
      packs.length,
    );
    const [status] = await ask<{ scrub: { last: Found } }>("status");
    assert.equal(status!.scrub.last.faultCount, packs.length);
    const refusal = await refusalWithin(
      rig.namespace,
      ...["scrub", "--store", store, "--sample", "0%"],
    );
    assert.equal(refusal.exitStatus, ExitStatus.Usage);
    await server.end("SIGTERM");
  },
);
