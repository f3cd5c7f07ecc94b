/** The simulation notices every planted bug, within a number of seeds. */

import assert from "node:assert/strict";
import { say } from "../../setup/say.ts";
import { applyPatch, copySources, type Patch } from "../source_patch.ts";
import { PLANTED_BUGS } from "./planted_bugs.ts";
import { simulate } from "./simulation.ts";

const ROOT: string = new URL("../..", import.meta.url).pathname;
/** What the simulation imports. */
const COPIED: readonly string[] = ["cas", "blobstores", "tests"];
const SEEDS_MAX = 300;
const OPERATION_COUNT = 60;
/** Seeds that no other test runs. */
const SEED_FIRST = 50_500;

for (const { what, plant, patch } of PLANTED_BUGS) {
  Deno.test(`the simulation notices ${what}`, async () => {
    await using stack = new AsyncDisposableStack();
    const run = patch === undefined ? simulate : await patched(patch, stack);
    const noticed = await whatIsNoticed(run, plant);
    assert.ok(noticed !== undefined, `${SEEDS_MAX} seeds noticed nothing`);
    // A promise that was broken, not a program that fell over.
    assert.doesNotMatch(noticed, /^unexpected/);
  });
}

/** What the first seed that notices anything has to say. */
async function whatIsNoticed(
  run: typeof simulate,
  plant: (typeof PLANTED_BUGS)[number]["plant"],
): Promise<string | undefined> {
  for (let count = 1; count <= SEEDS_MAX; count++) {
    const { failure } = await run({
      seed: SEED_FIRST + count,
      operationCount: OPERATION_COUNT,
      ...(plant === undefined ? {} : { plant }),
    });
    if (failure === undefined) continue;
    say(`Seed ${SEED_FIRST + count}: ${failure}`);
    return failure;
  }
  return undefined;
}

/** The simulation over a changed copy of the code. */
async function patched(
  patch: Patch,
  stack: AsyncDisposableStack,
): Promise<typeof simulate> {
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-planted-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  for (const name of COPIED) {
    await copySources(`${ROOT}/${name}`, `${folder}/${name}`);
  }
  await applyPatch(folder, patch);
  const module = await import(
    `file://${folder}/tests/simulation/simulation.ts`
  );
  return module.simulate;
}
