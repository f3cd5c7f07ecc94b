import assert from "node:assert/strict";
import type { BenchSummary } from "../../cli/verbs/bench.ts";
import { assertSame } from "../assert_same.ts";
import { refusalWithin, resultsWithin, runWithin } from "./commands.ts";
import { noise } from "./disk_content.ts";
import { SystemRig, systemTest } from "./rig.ts";

systemTest(
  "bench reads what there is, writes only when told to destroy, and adds up",
  async () => {
    await using rig = await SystemRig.create(9000);
    const { namespace } = rig;
    await using server = await rig.serve(`file:${rig.folder}/archive`, [
      "1.0=disk:1MiB",
    ]);
    using attached = await rig.attach("1.0");
    const { target } = attached;
    const content = noise(1024 * 1024);
    await target.write(0, content);
    const bench = async (...args: string[]): Promise<BenchSummary> => {
      const results = await resultsWithin<BenchSummary>(
        namespace,
        ...["bench", "1.0", "--seconds", "1", ...args],
      );
      assert.equal(results.length, 1);
      return results[0]!;
    };

    const reads = await bench("--random", "--size", "16KiB");
    const { requests, elapsedMs, latencyMs } = reads;
    assert.ok(requests > 0 && elapsedMs >= 1000);
    assert.equal(reads.kind, "read");
    // 16 KiB are two frames of 16 sectors.
    assert.equal(reads.frames, 2 * requests);
    assert.equal(
      Math.round(reads.iops),
      Math.round(requests / elapsedMs * 1e3),
    );
    assert.equal(
      Math.round(reads.megabytesPerSecond * 1e3),
      Math.round(reads.iops * 16_384 / 1e3),
    );
    assert.ok(0 < latencyMs.p50 && latencyMs.p50 <= latencyMs.p90);
    assert.ok(latencyMs.p90 <= latencyMs.p99 && latencyMs.p99 <= latencyMs.max);
    assertSame(await target.read({ lba: 0, sectorCount: 2048 }), content);

    for (
      const wrong of [
        ["--write"],
        ["--destroy"],
        ["--size", "2MiB"],
      ]
    ) {
      const refusal = await refusalWithin(namespace, "bench", "1.0", ...wrong);
      assert.equal(refusal.exitStatus, 2, wrong.join(" "));
    }
    assertSame(await target.read({ lba: 0, sectorCount: 2048 }), content);

    const writes = await bench(
      ...["--write", "--destroy", "--outstanding", "3", "--region", "512KiB"],
    );
    assert.ok(writes.requests >= 128, "each place once at least");
    const after = await target.read({ lba: 0, sectorCount: 2048 });
    for (let block = 0; block < 256; block++) {
      const isOld = content.subarray(block * 4096, (block + 1) * 4096)
        .every((byte, at) => byte === after[block * 4096 + at]);
      assert.equal(isOld, block >= 128, `block ${block}`);
    }

    const text = await runWithin(namespace, "bench", "1.0", "--seconds", "1");
    assert.match(text.stdout, /sequential reads of 4KiB, 16 outstanding/);
    assert.match(text.stdout, /requests\/s, .* MB\/s\n.*99\.9 %.*\n0 of \d+/);
    assert.equal((await server.end("SIGTERM")).code, 0);
  },
);
