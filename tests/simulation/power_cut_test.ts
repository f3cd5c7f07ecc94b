import assert from "node:assert/strict";
import { recordCuts, verifyCut } from "./power_cuts.ts";

for (const seed of [1, 2, 3, 4, 5, 6]) {
  Deno.test(`the whole archive comes back from power lost after any operation (seed ${seed})`, async () => {
    const run = await recordCuts(seed);
    assert.ok(run.cuts.length > 150, `${run.cuts.length} cuts`);
    assert.ok(run.snapshots.size > 2);
    for (const cut of run.cuts) await verifyCut(run, cut);
  });
}
