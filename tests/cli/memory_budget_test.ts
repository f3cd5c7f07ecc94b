import assert from "node:assert/strict";
import { machineMemoryBytes, memoryBudget } from "../../cli/memory_budget.ts";

const GIBIBYTE = 2 ** 30;

Deno.test("memoryBudget() takes a tenth of the memory, within limits", () => {
  for (
    const [memory, slots] of [
      [GIBIBYTE / 4, 16_384],
      [5 * GIBIBYTE, 131_072],
      [64 * GIBIBYTE, 262_144],
    ] as const
  ) assert.equal(memoryBudget(memory).poolSlotCount, slots);
});

Deno.test("memoryBudget() leaves room for the generation that is being archived", () => {
  for (const memory of [0, GIBIBYTE, 3.3 * GIBIBYTE, 1000 * GIBIBYTE]) {
    const { poolSlotCount, front } = memoryBudget(memory);
    assert.ok(front.checkpointBytes <= front.journalBytesMax / 4);
    assert.ok(front.checkpointBytes <= poolSlotCount * 4096 / 4);
    assert.ok(front.journalFillBytes! <= front.journalBytesMax);
  }
});

Deno.test("machineMemoryBytes() is what the machine has", () => {
  assert.equal(machineMemoryBytes(), Deno.systemMemoryInfo().total);
});
