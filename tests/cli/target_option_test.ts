import assert from "node:assert/strict";
import { formatSize, parseVolumeSize } from "../../cli/output/size.ts";
import {
  addressWarnings,
  parseTargetOption,
} from "../../cli/options/target_option.ts";
import { UsageError } from "../../cli/usage_error.ts";

const HASH = "0123456789abcdef".repeat(4);

Deno.test("parseVolumeSize() reads binary units and plain bytes", () => {
  for (
    const [text, bytes] of [
      ["4096", 4096],
      ["4KiB", 4096],
      ["1.5GiB", 1610612736],
      ["64GiB", 64 * 2 ** 30],
      ["2tib", 2 ** 41],
      ["64PiB", 2 ** 56],
    ] as const
  ) assert.equal(parseVolumeSize(text), bytes, text);
});

Deno.test("parseVolumeSize() refuses what is no size of a volume", () => {
  for (
    const text of [
      "",
      "GiB",
      "1000",
      "0",
      "4608",
      "64GB",
      "-1GiB",
      "1e9",
      "256PiB",
    ]
  ) assert.throws(() => parseVolumeSize(text), UsageError, text);
});

Deno.test("formatSize() keeps sizes readable", () => {
  assert.equal(formatSize(512), "512B");
  assert.equal(formatSize(64 * 2 ** 30), "64GiB");
  assert.equal(formatSize(1610612736), "1.5GiB");
});

Deno.test("parseTargetOption() reads every form of a target", () => {
  assert.deepEqual(parseTargetOption("1.0=disk"), {
    shelf: 1,
    slot: 0,
    volume: "disk",
  });
  assert.deepEqual(parseTargetOption("65534.254=disk:1GiB"), {
    shelf: 65534,
    slot: 254,
    volume: "disk",
    sizeBytes: 2 ** 30,
  });
  assert.deepEqual(parseTargetOption("1.1=disk@monday"), {
    shelf: 1,
    slot: 1,
    volume: "disk",
    snapshot: "monday",
  });
  assert.deepEqual(parseTargetOption(`1.2=root:${HASH.toUpperCase()}`), {
    shelf: 1,
    slot: 2,
    root: HASH,
  });
});

Deno.test("parseTargetOption() refuses broken targets and reserved addresses", () => {
  for (
    const text of [
      "disk",
      "1=disk",
      "1.0=",
      "65535.0=disk",
      "1.255=disk",
      "1.0=disk@a:1GiB",
      "1.0=disk:1GiB@a",
      "1.0=disk:",
      "a.b=disk",
      "1.0=path:",
      "1.0=memory:",
      "1.0=disk@monday,size=1GiB",
      "1.0=disk,clone",
      "1.0=disk,clone=mine",
      "1.0=disk@monday,clone=a@b",
      "1.0=disk@monday,clone,ro",
    ]
  ) assert.throws(() => parseTargetOption(text), UsageError, text);
});

Deno.test("parseTargetOption() reads disks that are no volumes, and options", () => {
  assert.deepEqual(parseTargetOption("1.0=path:/srv/a:b@c=d.img,size=1MiB"), {
    shelf: 1,
    slot: 0,
    path: "/srv/a:b@c=d.img",
    sizeBytes: 2 ** 20,
  });
  assert.deepEqual(parseTargetOption("1.0=memory:1MiB"), {
    shelf: 1,
    slot: 0,
    memory: true,
    sizeBytes: 2 ** 20,
  });
  assert.deepEqual(
    parseTargetOption(
      "1.0=disk,ro,allow=00:11:22:33:44:AA,buffers=32,sectors=8,serial=X1," +
        "allow=00:11:22:33:44:bb,config=a=b c",
    ),
    {
      shelf: 1,
      slot: 0,
      volume: "disk",
      readOnly: true,
      allow: ["00:11:22:33:44:aa", "00:11:22:33:44:bb"],
      bufferCount: 32,
      sectorCountMax: 8,
      serial: "X1",
      configString: "a=b c",
    },
  );
  assert.equal(parseTargetOption("1.0=disk@monday,clone").clone, true);
  assert.equal(parseTargetOption("1.0=disk@monday,clone=mine").clone, "mine");
  assert.equal(parseTargetOption("1.0=disk@monday,clone=false").clone, false);
  assert.equal(parseTargetOption("1.0=disk,ro=false").readOnly, false);
});

Deno.test("parseTargetOption() says what is wrong with an option", () => {
  for (
    const [options, message] of [
      ["bufers=3", /did you mean "buffers"/],
      ["buffers=1", /2 to 65535/],
      ["buffers=", /2 to 65535/],
      ["sectors=129", /2 to 128/],
      ["allow=1.2.3.4", /00:11:22:33:44:55/],
      ["allow", /must be a string/],
      ["serial=", /1 to 20/],
      ["serial=123456789012345678901", /1 to 20/],
      [`config=${"x".repeat(1025)}`, /1025 bytes/],
      ["ro=yes", /true or false/],
      ["ro,ro", /"ro" twice/],
      ["", /Unknown option ""/],
    ] as const
  ) {
    assert.throws(
      () => parseTargetOption(`1.0=disk,${options}`),
      (error) => error instanceof UsageError && message.test(error.message),
      options,
    );
  }
});

Deno.test("addressWarnings() names addresses that initiators ignore or mistake", () => {
  assert.deepEqual(addressWarnings(1, 9), []);
  const warning = (shelf: number, slot: number): string => {
    const [text, ...more] = addressWarnings(shelf, slot);
    assert.deepEqual(more, []);
    return text!;
  };
  assert.match(warning(0xfff, 0), /Linux ignores shelf 4095/);
  assert.match(warning(1, 10), /illumos/);
  assert.match(warning(1, 15), /illumos/);
  assert.match(warning(1, 16), /Linux.*slots of 16/);
});
