import assert from "node:assert/strict";
import { moduleLoadOrder } from "./kernel_modules.ts";

Deno.test("moduleLoadOrder() puts each module after what it needs, once", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/modules.dep`,
      [
        "kernel/fs/tree.ko.xz: kernel/lib/raid-six.ko.xz kernel/lib/xor.ko.xz",
        "kernel/lib/raid-six.ko.xz: kernel/lib/xor.ko.xz",
        "kernel/lib/xor.ko.xz:",
        "kernel/net/card.ko.xz:",
        "kernel/net/unwanted.ko.xz:",
        "",
      ].join("\n"),
    );
    assert.deepEqual(
      await moduleLoadOrder(folder, ["card", "tree", "built_in", "raid_six"]),
      [
        "kernel/net/card.ko.xz",
        "kernel/lib/xor.ko.xz",
        "kernel/lib/raid-six.ko.xz",
        "kernel/fs/tree.ko.xz",
      ],
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
