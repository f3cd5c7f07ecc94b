import assert from "node:assert/strict";
import type { Output } from "../../cli/output.ts";
import { type ServerStatus, writeStatus } from "../../cli/status.ts";

const STATUS: ServerStatus = {
  store: "s3://shelf",
  archiveId: "a".repeat(32),
  epoch: 7,
  unarchivedBytes: 0,
  lagSeconds: 0,
  maxLagSeconds: 10,
  behind: false,
  journalBytes: 1024 * 1024,
  journalBytesMax: 64 * 1024 * 1024,
  fill: 0.02,
  cachedBytes: 4096,
  index: { entryCount: 1, passedOverCount: 0, memoryBytes: 0, pageReads: 0 },
  schedules: [],
};

function told(status: ServerStatus): { text: string; results: unknown[] } {
  const lines: string[] = [];
  const results: unknown[] = [];
  const output: Output = {
    json: false,
    event: () => {},
    line: (line) => lines.push(line),
    result: (value) => results.push(value),
  };
  writeStatus(status, output);
  return { text: lines.join("\n"), results };
}

Deno.test("status says that the store has everything, or by how much it is behind", () => {
  const { text, results } = told(STATUS);
  assert.match(text, /s3:\/\/shelf/);
  assert.match(text, /epoch 7/);
  assert.match(text, /has all that was acknowledged \(at most 10 s wanted\)/);
  assert.match(text, /1MiB of 64MiB; room for writes is 2 % used/);
  assert.deepEqual(results, [STATUS]);
  const late = { ...STATUS, unarchivedBytes: 8192, lagSeconds: 61.23 };
  assert.match(
    told({ ...late, behind: true }).text,
    /8KiB and 61\.2 s behind what was acknowledged .*: BEHIND/,
  );
  assert.doesNotMatch(told(late).text, /BEHIND/);
});

Deno.test("status of a server that only reads says that it has no claim", () => {
  assert.match(told({ ...STATUS, epoch: 0 }).text, /none: read-only/);
});
