import assert from "node:assert/strict";
import { serveOptions } from "../../cli/options/serve_options.ts";
import {
  isHead,
  parseState,
  parseStateOf,
  parseTime,
} from "../../cli/options/state_reference.ts";
import { parseTargetOption } from "../../cli/options/target_option.ts";
import { UsageError } from "../../cli/usage_error.ts";

const HASH = "0123456789abcdef".repeat(4);
const TIME = "2027-03-01T09:30:00Z";
const TIME_MS = Date.UTC(2027, 2, 1, 9, 30);

Deno.test("parseTime() reads times with their zone, and no others", () => {
  for (
    const text of [
      TIME,
      "2027-03-01T09:30Z",
      "2027-03-01T10:30:00.000+01:00",
      "2027-03-01T04:00:00.0-05:30",
    ]
  ) assert.equal(parseTime(text), TIME_MS, text);
  for (
    const text of [
      "2027-03-01",
      "2027-03-01T09:30:00",
      "2027-13-01T09:30:00Z",
      "yesterday",
      "",
    ]
  ) assert.throws(() => parseTime(text), UsageError, text);
});

Deno.test("parseState() reads every form of a state", () => {
  assert.deepEqual(parseState("disk"), { volume: "disk" });
  assert.deepEqual(parseState("disk@monday"), {
    volume: "disk",
    snapshot: "monday",
  });
  // A date alone is a name that a snapshot may have.
  assert.deepEqual(parseState("disk@2027-03-01"), {
    volume: "disk",
    snapshot: "2027-03-01",
  });
  assert.deepEqual(parseState(`disk@${TIME}`), {
    volume: "disk",
    atMs: TIME_MS,
  });
  assert.deepEqual(parseState(`root:${HASH.toUpperCase()}`), { root: HASH });
  for (const text of ["", "@x", "disk@", "a:b", "root:12", "disk@a@b"]) {
    assert.throws(() => parseState(text), UsageError, text);
  }
  const short = { name: "UsageError", message: /all of its 64 hexadecimal/ };
  assert.throws(() => parseState("root:69e5aa8b"), short);
  assert.throws(() => parseTargetOption("1.0=root:69e5aa8b"), short);
  assert.equal(parseTargetOption("1.0=root:64GiB").volume, "root");
  assert.throws(() => parseState("disk@2027-03-01T25:00Z"), UsageError);
});

Deno.test("parseStateOf() takes a snapshot, a time, or a whole state", () => {
  const volume = "disk";
  assert.deepEqual(parseStateOf(volume, "monday"), {
    volume,
    snapshot: "monday",
  });
  assert.deepEqual(parseStateOf(volume, TIME), { volume, atMs: TIME_MS });
  assert.deepEqual(parseStateOf(volume, "other@x"), {
    volume: "other",
    snapshot: "x",
  });
  assert.deepEqual(parseStateOf(volume, `root:${HASH}`), { root: HASH });
});

Deno.test("isHead() holds for a volume alone", () => {
  assert.equal(isHead({ volume: "disk" }), true);
  assert.equal(isHead({ volume: "disk", snapshot: "a" }), false);
  assert.equal(isHead({ volume: "disk", atMs: 0 }), false);
  assert.equal(isHead({ root: HASH }), false);
});

Deno.test("a target can be a volume at a time, on the command line and in a file", () => {
  const target = { shelf: 1, slot: 0, volume: "disk", atMs: TIME_MS };
  assert.deepEqual(parseTargetOption(`1.0=disk@${TIME}`), target);
  assert.equal(parseTargetOption(`1.0=disk@${TIME},clone`).clone, true);
  assert.throws(() => parseTargetOption("1.0=disk@2027-03-01T9Z"), UsageError);
  const text = `interfaces = ["lo"]\nstore = "memory:"\n[[target]]\n` +
    `address = "1.0"\nvolume = "disk"\nat = "${TIME}"\n`;
  const options = serveOptions({}, { path: "x.toml", text });
  assert.deepEqual(options.targets, [target]);
});
