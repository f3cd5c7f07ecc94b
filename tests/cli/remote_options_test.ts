import assert from "node:assert/strict";
import { defaultLagMs, memoryBudget } from "../../cli/archive/memory_budget.ts";
import { serveOptions } from "../../cli/options/serve_options.ts";
import { UsageError } from "../../cli/usage_error.ts";

const BASE = { interface: ["lo"], store: "s3://shelf" };

Deno.test("a remote store may be 10 s behind, a local one a minute, or what was asked", () => {
  assert.equal(defaultLagMs("s3://shelf/a"), 10_000);
  assert.equal(defaultLagMs("webdav://host/a"), 10_000);
  assert.equal(defaultLagMs("file:/srv/a"), 60_000);
  const { front } = memoryBudget(2 ** 30, 10_000);
  assert.equal(front.lagMsMax, 10_000);
  assert.equal(front.checkpointAgeMs, 5000);
  const flags = { ...BASE, target: ["1.0=disk"], "max-lag": "3" };
  assert.equal(serveOptions(flags).remote?.maxLagMs, 3000);
});

Deno.test("a target's own word counts before what is said for all volumes", () => {
  const { targets } = serveOptions({
    ...BASE,
    flush: "remote",
    target: ["1.0=disk", "1.1=other,flush=journal", "1.2=disk@monday"],
  });
  const waits = targets.map(({ flush }) => flush);
  assert.deepEqual(waits, ["remote", "journal", undefined]);
});

Deno.test("a file says the same, and flags replace it", () => {
  const text = `
    interfaces = ["lo"]
    store = "s3://shelf"
    read-only = true
    follow = true
    max-lag = 20
    flush = "remote"
    [[target]]
    address = "1.0"
    volume = "disk"
    flush = "journal"
    [[target]]
    address = "1.1"
    volume = "other"
    follow = false`;
  const file = { path: "a.toml", text };
  const { targets, remote } = serveOptions({ "max-lag": "30" }, file);
  assert.equal(remote?.maxLagMs, 30_000);
  assert.deepEqual(
    targets.map(({ follow, flush }) => [follow, flush]),
    [[true, "journal"], [false, "remote"]],
  );
});

for (
  const [what, flags] of Object.entries({
    "follow volume": { target: ["1.0=disk,follow"] },
    "only a volume moves on": {
      target: ["1.0=disk@monday,follow"],
      "read-only": true,
    },
    "only writes to a volume": { target: ["1.0=memory:1MiB,flush=remote"] },
    '--flush is "journal"': { target: ["1.0=disk"], flush: "never" },
    "--max-lag is a whole number": { target: ["1.0=disk"], "max-lag": "0" },
    "max-lag is a whole number": { target: ["1.0=disk"], "max-lag": "1h" },
  })
) {
  Deno.test(`what makes no sense is refused: ${what}`, () => {
    assert.throws(
      () => serveOptions({ ...BASE, ...flags }),
      (error: Error) =>
        error instanceof UsageError && error.message.includes(what),
    );
  });
}
