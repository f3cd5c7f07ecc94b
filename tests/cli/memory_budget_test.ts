import assert from "node:assert/strict";
import { PACK_BYTES_MAX } from "../../cas/packs/pack_format.ts";
import {
  defaultMemoryBytes,
  machineMemoryBytes,
  memoryBudget,
  parseMemory,
} from "../../cli/archive/memory_budget.ts";
import { describeIndex } from "../../cli/verbs/index_status.ts";
import { serveOptions } from "../../cli/options/serve_options.ts";
import { UsageError } from "../../cli/usage_error.ts";

const MEBIBYTE = 2 ** 20;
const GIBIBYTE = 2 ** 30;
const SIZES = [480 * MEBIBYTE, GIBIBYTE, 2.4 * GIBIBYTE, 100 * GIBIBYTE];

Deno.test("a server takes a tenth of the machine's memory, and never too little to work", () => {
  assert.equal(defaultMemoryBytes(20 * GIBIBYTE), 2 * GIBIBYTE);
  assert.equal(defaultMemoryBytes(GIBIBYTE), 480 * MEBIBYTE);
});

Deno.test("what the parts of a server may take is what the server may, less the program", () => {
  for (const size of SIZES) {
    const { poolSlotCount, engine } = memoryBudget(size);
    const { packsInFlightMax } = engine;
    const sum = poolSlotCount * 4096 + engine.indexFilterBytesMax +
      engine.pointerCacheBytesMax + (packsInFlightMax + 1) * PACK_BYTES_MAX;
    assert.ok(Math.abs(sum - (size - 352 * MEBIBYTE)) < 4096, `${size}`);
    assert.ok(poolSlotCount * 4096 >= 48 * MEBIBYTE);
    assert.ok(engine.indexFilterBytesMax >= 24 * MEBIBYTE);
  }
});

Deno.test("the default on a machine of 24 GiB has room for the index of 1 TiB", () => {
  const { engine } = memoryBudget(defaultMemoryBytes(24 * GIBIBYTE));
  assert.ok(engine.indexFilterBytesMax > 2 ** 28 * 11 / 8);
});

Deno.test("memoryBudget() leaves room for the generation that is being archived", () => {
  for (const memory of SIZES) {
    const { poolSlotCount, front } = memoryBudget(memory);
    assert.ok(front.checkpointBytes <= front.journalBytesMax / 4);
    assert.ok(front.checkpointBytes <= poolSlotCount * 4096 / 4);
    assert.ok(front.journalFillBytes! <= front.journalBytesMax);
  }
});

Deno.test("--memory is a size, from flag or file, and too little is refused", () => {
  assert.equal(parseMemory("2GiB"), 2 * GIBIBYTE);
  assert.throws(() => parseMemory("much"), UsageError);
  assert.throws(() => parseMemory("479MiB"), /at least 480MiB/);
  const flags = { interface: ["lo"], store: "memory:", target: ["1.0=disk"] };
  const file = { path: "a.toml", text: 'memory = "1GiB"' };
  assert.equal(serveOptions(flags).memoryBytes, undefined);
  assert.equal(serveOptions(flags, file).memoryBytes, GIBIBYTE);
  const both = serveOptions({ ...flags, memory: "3GiB" }, file);
  assert.equal(both.memoryBytes, 3 * GIBIBYTE);
});

Deno.test("machineMemoryBytes() is what the machine has", () => {
  assert.equal(machineMemoryBytes(), Deno.systemMemoryInfo().total);
});

Deno.test("the index says in words when it has too little memory", () => {
  const index = { entryCount: 2000, memoryBytes: 4096, pageReads: 0 };
  assert.equal(
    describeIndex({ ...index, passedOverCount: 0 }),
    "2000 blocks, 4KiB in memory",
  );
  assert.match(
    describeIndex({ ...index, passedOverCount: 500 }),
    /no room for 25.0 % of them.*--memory/,
  );
});
