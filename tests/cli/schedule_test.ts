import assert from "node:assert/strict";
import type { ArchiveOperator } from "../../cas/archive_operations.ts";
import { ArchiveError } from "../../cas/errors.ts";
import type { ArchiveEvent } from "../../cas/events.ts";
import {
  parseSchedule,
  type Schedule,
} from "../../cli/options/schedule_option.ts";
import { serveOptions } from "../../cli/options/serve_options.ts";
import {
  refuseSchedulesWithoutVolume,
  scheduledName,
  SnapshotScheduler,
} from "../../cli/serving/snapshot_scheduler.ts";
import { exitStatusOf } from "../../cli/exit_status.ts";
import { UsageError } from "../../cli/usage_error.ts";

const HOUR_MS = 3_600_000;
const START_MS: number = Date.parse("2027-03-01T09:47:00Z");

Deno.test("schedules are read from options and files, and nonsense is refused", () => {
  assert.deepEqual(parseSchedule("disk=60m,keep=24"), {
    volume: "disk",
    every: "1h",
    everyMs: HOUR_MS,
    keep: 24,
  });
  assert.equal(parseSchedule("disk=90s").every, "90s");
  assert.equal(parseSchedule("disk=14d").every, "2w");
  for (
    const bad of [
      "disk",
      "disk=",
      "disk=1",
      "disk=0h",
      "disk=1h,keep=0",
      "Disk=1h",
      "disk=1h,drop=2",
    ]
  ) assert.throws(() => parseSchedule(bad), UsageError, bad);
  const flags = { interface: ["lo"], store: "memory:", target: ["1.0=disk"] };
  const text =
    '[[schedule]]\nvolume = "disk"\nevery = "1d"\nkeep = 7\n[[schedule]]\nvolume = "disk"\nevery = "1h"\n';
  const { schedules } = serveOptions(flags, { path: "x.toml", text });
  assert.deepEqual(
    schedules!.map(({ every, keep }) => [every, keep]),
    [["1d", 7], ["1h", undefined]],
  );
  const twice = { ...flags, schedule: ["disk=1h", "disk=60m,keep=2"] };
  assert.throws(() => serveOptions(twice), /disk=1h is given twice/);
  const reading = { ...flags, schedule: ["disk=1h"], "read-only": true };
  assert.throws(() => serveOptions(reading), /only reads makes no snapshots/);
});

/** Snapshots of one volume, and a clock that runs while the scheduler sleeps. */
class World implements Pick<ArchiveOperator, "operate"> {
  readonly listed: string[] = [];
  readonly retired: string[] = [];
  readonly events: ArchiveEvent[] = [];
  nowMs: number = START_MS;
  fault: Error | undefined;

  operate: ArchiveOperator["operate"] = (name, request) => {
    const wanted = request as { name?: string };
    if (this.fault !== undefined) return Promise.reject(this.fault);
    if (name === "snapshot create") {
      const taken = [...this.listed, ...this.retired];
      if (taken.includes(wanted.name!)) {
        return Promise.reject(new ArchiveError("NameTaken", "taken"));
      }
      this.listed.push(wanted.name!);
    }
    if (name === "snapshot retire") {
      this.listed.splice(this.listed.indexOf(wanted.name!), 1);
      this.retired.push(wanted.name!);
    }
    const all = this.listed.map((it) => ({ name: it }));
    return Promise.resolve(
      (name === "snapshot list" ? all : { rootHash: "" }) as never,
    );
  };

  /** Runs a scheduler until a time; what it said of itself then. */
  async runUntil(
    endMs: number,
    ...schedules: readonly Schedule[]
  ): Promise<ReturnType<SnapshotScheduler["status"]>> {
    const stop = new AbortController();
    const scheduler = new SnapshotScheduler({
      schedules,
      archive: this,
      clock: {
        nowMs: () => this.nowMs,
        sleep: (delayMs) => {
          assert.ok(delayMs > 0);
          this.nowMs += delayMs;
          if (this.nowMs >= endMs) stop.abort();
          return Promise.resolve();
        },
      },
      onEvent: (event) => this.events.push(event),
    });
    await scheduler.run(stop.signal);
    return scheduler.status();
  }
}

Deno.test("every slot of the clock gets one snapshot, and the oldest leave the list", async () => {
  const world = new World();
  world.listed.push("mine", "auto-1d-20270301t000000z");
  await world.runUntil(START_MS + 5 * HOUR_MS, parseSchedule("disk=1h,keep=3"));
  assert.deepEqual(world.listed, [
    "mine",
    "auto-1d-20270301t000000z",
    "auto-1h-20270301t120000z",
    "auto-1h-20270301t130000z",
    "auto-1h-20270301t140000z",
  ]);
  assert.equal(world.retired.length, 3);
});

Deno.test("restarts make no heaps, and what was missed is not made up for", async () => {
  const world = new World();
  const schedule = parseSchedule("disk=1h");
  for (let restart = 0; restart < 20; restart++) {
    await world.runUntil(world.nowMs + 1, schedule);
  }
  const slots = new Set(world.listed);
  assert.equal(slots.size, world.listed.length);
  world.listed.length = 0;
  world.nowMs = START_MS + 50 * HOUR_MS;
  await world.runUntil(world.nowMs + 1, schedule);
  assert.deepEqual(world.listed, [
    scheduledName("1h", Math.floor(world.nowMs / HOUR_MS) * HOUR_MS),
  ]);
});

Deno.test("a failure is told once, tried again, and shown until it is over", async () => {
  const world = new World();
  const schedule = parseSchedule("disk=1h");
  world.fault = new ArchiveError("NoVolume", "There is no volume");
  const [failing] = await world.runUntil(START_MS + 600_000, schedule);
  assert.equal(failing!.fault, "There is no volume");
  assert.equal(failing!.nextMs, Date.parse("2027-03-01T10:00:00Z"));
  assert.deepEqual(
    world.events.map(({ event }) => event),
    ["schedule-failed"],
  );
  world.fault = undefined;
  const [mended] = await world.runUntil(world.nowMs + 1, schedule);
  assert.equal(mended!.fault, undefined);
  assert.equal(mended!.last, "auto-1h-20270301t090000z");
});

Deno.test("a clock that is set back makes nothing twice", async () => {
  const world = new World();
  const schedule = parseSchedule("disk=1h,keep=2");
  await world.runUntil(START_MS + 4 * HOUR_MS, schedule);
  const listed = [...world.listed];
  world.nowMs = START_MS;
  await world.runUntil(START_MS + 60_000, schedule);
  assert.deepEqual(world.listed, listed);
});

Deno.test("a schedule of a volume that the archive lacks is refused, with the name that was meant", async () => {
  const archive = {
    operate: () => Promise.resolve([{ volume: "disk" }] as never),
  };
  const refuse = (...texts: string[]): Promise<void> =>
    refuseSchedulesWithoutVolume(texts.map(parseSchedule), archive);
  await refuse();
  await refuse("disk=1h");
  for (
    const [text, hint] of [
      ["dsik=1h", /did you mean disk\?/],
      ["tape=1d", /it has disk; make it first/],
    ] as const
  ) {
    await assert.rejects(refuse("disk=1h", text), (error: Error) => {
      assert.match(error.message, hint);
      assert.equal(exitStatusOf(error), 10);
      return true;
    });
  }
});
