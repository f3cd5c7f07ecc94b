import assert from "node:assert/strict";
import type { ArchiveEvent } from "../../cas/events.ts";
import type { Output } from "../../cli/output/output.ts";
import { describeProgress, Progress } from "../../cli/output/progress.ts";

const GIB: number = 2 ** 30;

function rig(json: boolean, columns?: number): {
  readonly progress: Progress;
  readonly events: ArchiveEvent[];
  readonly drawn: string[];
  setNow(nowMs: number): void;
} {
  const events: ArchiveEvent[] = [];
  const drawn: string[] = [];
  let now = 0;
  const output: Output = {
    json,
    event: (event) => void events.push(event),
    line: () => {},
    result: () => {},
  };
  const progress = new Progress({
    label: "Importing x",
    output,
    nowMs: () => now,
    ...(columns === undefined ? {} : {
      terminal: { columns: () => columns, write: (text) => drawn.push(text) },
    }),
  });
  return { progress, events, drawn, setNow: (nowMs) => now = nowMs };
}

Deno.test("progress in words tells share, speed and what is left", () => {
  assert.equal(
    describeProgress({ bytesDone: GIB, bytesTotal: 4 * GIB }, 10_000),
    "25 %, 1GiB of 4GiB, 102.4MiB/s, 0:30 left",
  );
  assert.equal(
    describeProgress({ bytesDone: 0, bytesTotal: 0 }, 0),
    "100 %, 0B of 0B",
  );
});

Deno.test("a terminal has a bar that fits its line, and goes before an event", () => {
  for (const columns of [20, 60, 200]) {
    const { progress, drawn, events, setNow } = rig(false, columns);
    progress.update({ bytesDone: 1, bytesTotal: 4 });
    assert.equal(drawn.length, 0);
    setNow(150);
    progress.update({ bytesDone: GIB, bytesTotal: 4 * GIB });
    assert.equal(drawn.length, 1);
    // The sequence that clears the line takes no room.
    const line = drawn[0]!.slice("\r\x1b[K".length);
    assert.ok(line.length < columns, line);
    assert.match(line, /^Importing x/);
    if (columns === 200) assert.match(line, /\[#{8}\.{22}\] 25 %/);
    const event = { event: "x", severity: "strange", message: "" } as const;
    progress.output.event(event);
    assert.equal(drawn.at(-1), "\r\x1b[K");
    assert.deepEqual(events, [event]);
    progress.clear();
    assert.equal(drawn.length, 2);
  }
});

Deno.test("a log gets a line every ten seconds, a program an event every second", () => {
  for (const [json, intervalMs] of [[false, 10_000], [true, 1000]] as const) {
    const { progress, events, setNow } = rig(json);
    for (let now = 0; now <= 30_000; now += 100) {
      setNow(now);
      progress.update({ bytesDone: now, bytesTotal: 30_000 });
    }
    assert.equal(events.length, 30_000 / intervalMs);
    assert.equal(events.at(-1)!.bytesDone, 30_000);
    assert.match(events.at(-1)!.message, /^Importing x: 100 %/);
  }
});
