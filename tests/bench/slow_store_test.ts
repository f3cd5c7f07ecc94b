import assert from "node:assert/strict";
import plugin from "../../bench/slow_store.ts";
import { withFolder } from "../temporary_folder.ts";

const LENGTH = 10_000;

Deno.test("of many creators of one blob in a store that is far away one wins, and it is whole", () =>
  withFolder(async (folder) => {
    const stores = await Promise.all(
      [1, 2].map(() => plugin.open(`slow:${folder}/store?latency=1`)),
    );
    const [store] = stores;
    const bodies = Array.from(
      { length: 32 },
      (_, index) => new Uint8Array(LENGTH).fill(index),
    );
    for (let round = 0; round < 20; round++) {
      const key = `epoch/${round}`;
      const outcomes = await Promise.allSettled(
        bodies.map((body, index) =>
          stores[index % 2]!.put(key, body, { ifAbsent: true })
        ),
      );
      const winners = outcomes.flatMap(({ status }, index) =>
        status === "fulfilled" ? [index] : []
      );
      assert.equal(winners.length, 1, `round ${round}`);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") {
          assert.equal(outcome.reason.code, "AlreadyExists");
        }
      }
      const found = await store!.get(key);
      assert.equal(found.length, LENGTH);
      assert.ok(found.every((it) => it === winners[0]));
    }
    await store!.put("epoch/0", bodies[0]!);
    assert.equal((await store!.get("epoch/0"))[0], 0);
    const listed = await Array.fromAsync(store!.list(""));
    assert.equal(listed.length, 20);
    assert.equal([...Deno.readDirSync(`${folder}/store/epoch`)].length, 20);
  }));
