import assert from "node:assert/strict";
import { emptyTargetState, type TargetState } from "../../aoe/target_state.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import { TargetStates } from "../../cli/serving/target_states.ts";
import { UsageError } from "../../cli/usage_error.ts";
import { withFolder } from "../temporary_folder.ts";

const STATE: TargetState = {
  configString: Uint8Array.from({ length: 256 }, (_, at) => at),
  mask: [Uint8Array.of(0, 17, 34, 51, 68, 255)],
  reservation: [
    Uint8Array.of(2, 0, 0, 0, 0, 1),
    Uint8Array.of(2, 0, 0, 0, 0, 2),
  ],
};

function withPath(body: (path: string) => Promise<void>): Promise<void> {
  return withFolder((folder) => body(`${folder}/targets.json`));
}

function refuse(event: ArchiveEvent): void {
  assert.fail(event.message);
}

Deno.test("states of targets are in the file once it is closed", async () => {
  await withPath(async (path) => {
    const states = TargetStates.open(path, refuse);
    assert.equal(states.get("1.0"), undefined);
    states.set("1.0", emptyTargetState());
    states.set("1.1", emptyTargetState());
    states.set("1.0", STATE);
    await states.close();
    const again = TargetStates.open(path, refuse);
    assert.deepEqual(again.get("1.0"), STATE);
    assert.deepEqual(again.get("1.1"), emptyTargetState());
    again.set("1.1", STATE);
    await again.close();
    const third = TargetStates.open(path, refuse);
    assert.deepEqual(third.get("1.0"), STATE, "others are kept");
    assert.deepEqual(
      [...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))].length,
      1,
    );
  });
});

Deno.test("without a file states are kept in memory", async () => {
  const states = TargetStates.open(undefined, refuse);
  states.set("1.0", STATE);
  await states.close();
  assert.deepEqual(states.get("1.0"), STATE);
});

Deno.test("a damaged file of states is refused, not replaced", async () => {
  await withPath(async (path) => {
    for (
      const text of [
        "",
        "[",
        "3",
        '{"1.0":{"configString":"?"}}',
        '{"1.0":{"mask":["00:11"]}}',
        '{"1.0":{"mask":3}}',
        `{"1.0":{"configString":"${btoa("x".repeat(1025))}"}}`,
      ]
    ) {
      await Deno.writeTextFile(path, text);
      assert.throws(() => TargetStates.open(path, refuse), UsageError, text);
      assert.equal(await Deno.readTextFile(path), text);
    }
  });
});

Deno.test("a state is in the file when its promise resolves, and each write has the newest", async () => {
  await withPath(async (path) => {
    const states = TargetStates.open(path, refuse);
    await states.set("1.0", STATE);
    assert.deepEqual(TargetStates.open(path, refuse).get("1.0"), STATE);
    const first = states.set("1.0", emptyTargetState());
    const second = states.set("1.1", STATE);
    await first;
    const again = TargetStates.open(path, refuse);
    assert.deepEqual(again.get("1.0"), emptyTargetState());
    await second;
    assert.deepEqual(TargetStates.open(path, refuse).get("1.1"), STATE);
  });
});

Deno.test("a file that cannot be written is told of once, and written when it can be", async () => {
  await withPath(async (path) => {
    await Deno.mkdir(`${path}.new`);
    const events: ArchiveEvent[] = [];
    const states = TargetStates.open(path, (event) => events.push(event));
    for (let attempt = 0; attempt < 2; attempt++) {
      await assert.rejects(async () => await states.set("1.0", STATE));
    }
    await states.close();
    assert.deepEqual(events.map(({ event }) => event), [
      "target-state-not-kept",
    ]);
    await Deno.remove(`${path}.new`);
    // Another one takes it along.
    await states.set("1.1", emptyTargetState());
    assert.deepEqual(TargetStates.open(path, refuse).get("1.0"), STATE);
  });
});
