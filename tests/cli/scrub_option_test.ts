import assert from "node:assert/strict";
import type { ArchiveOperator } from "../../cas/archive_operations.ts";
import type { ScrubReport, ScrubStatus } from "../../cas/scrub_report.ts";
import { parseScrubSchedule } from "../../cli/options/scrub_option.ts";
import { runScrub } from "../../cli/serving/scrub_pace.ts";
import { scheduleScrubs } from "../../cli/serving/scrub_scheduler.ts";
import { parseConfig, serveOptions } from "../../cli/options/serve_options.ts";
import { UsageError } from "../../cli/usage_error.ts";

const DAY_MS = 86_400_000;
const MEBIBYTE = 1024 * 1024;

const REPORT: ScrubReport = {
  startedMs: 0,
  samplePercent: 100,
  progress: 0,
  blobCount: 0,
  packCount: 0,
  blockCount: 0,
  byteCount: 0,
  faults: [],
  faultCount: 0,
};

/** Time that passes by sleeping. */
class SleptClock {
  now = 1_000_000;
  /** Called when somebody would sleep. */
  onSleep: () => void = () => {};

  nowMs(): number {
    return this.now;
  }

  sleep(delayMs: number): Promise<void> {
    this.now += delayMs;
    this.onSleep();
    return Promise.resolve();
  }
}

/** An archive that needs so many steps for a scrub. */
function scrubbed(
  stepCount: number,
  clock: SleptClock,
  status: { current?: ScrubReport; last?: ScrubReport } = {},
): { archive: ArchiveOperator; startsMs: number[]; bytes: number[] } {
  const startsMs: number[] = [];
  const bytes: number[] = [];
  let done = 0;
  async function operate(
    name: string,
    request: { byteCountMax: number },
  ): Promise<ScrubStatus | ScrubReport> {
    await Promise.resolve();
    if (name === "scrub status") return status;
    if (done === 0) startsMs.push(clock.now);
    bytes.push(request.byteCountMax);
    const report = { ...REPORT, startedMs: startsMs.at(-1)! };
    if (++done < stepCount) return status.current = report;
    done = 0;
    delete status.current;
    return status.last = { ...report, endedMs: clock.now };
  }
  return {
    archive: { operate } as unknown as ArchiveOperator,
    startsMs,
    bytes,
  };
}

Deno.test("scrubs are asked for by interval, sample and rate, on the command line and in a file", () => {
  assert.deepEqual(parseScrubSchedule("7d"), {
    everyMs: 7 * DAY_MS,
    samplePercent: 100,
    bytesPerSecond: 32 * MEBIBYTE,
  });
  const wanted = {
    everyMs: DAY_MS / 2,
    samplePercent: 2.5,
    bytesPerSecond: 8 * MEBIBYTE,
  };
  const text = "12h,sample=2.5%,rate=8MiB";
  assert.deepEqual(parseScrubSchedule(text), wanted);
  assert.deepEqual(parseConfig("a.toml", `scrub = "${text}"`).scrub, wanted);
  const flags = { interface: ["lo"], store: "memory:", target: ["1.0=disk"] };
  assert.deepEqual(serveOptions({ ...flags, scrub: text }).scrub, wanted);
  assert.equal(serveOptions(flags).scrub, undefined);
  for (
    const wrong of ["", "7", "0d", "7d,sample=0%", "7d,sample=101%", "7d,x=1"]
  ) assert.throws(() => parseScrubSchedule(wrong), UsageError, wrong);
});

Deno.test("a scrub reads no faster than it may", async () => {
  const clock = new SleptClock();
  const { archive, bytes } = scrubbed(100, clock);
  const startedMs = clock.now;
  const bytesPerSecond = 4 * MEBIBYTE;
  const signal = new AbortController().signal;
  const paced = { samplePercent: 100, restart: false, bytesPerSecond };
  await runScrub(archive, paced, { clock, signal });
  const total = bytes.reduce((sum, count) => sum + count, 0);
  const seconds = (clock.now - startedMs) / 1000;
  assert.ok(total / seconds < bytesPerSecond * 1.02, `${total} in ${seconds}`);
});

Deno.test("a server scrubs at once, then when it is due, and goes on with what was under way", async () => {
  const everyMs = 7 * DAY_MS;
  const schedule = { everyMs, samplePercent: 100, bytesPerSecond: MEBIBYTE };
  const clock = new SleptClock();
  const stopping = new AbortController();
  const { archive, startsMs } = scrubbed(3, clock, { current: REPORT });
  const beganMs = clock.now;
  clock.onSleep = () => {
    if (clock.now > beganMs + 2.5 * everyMs) stopping.abort();
  };
  const onEvent = (): void => {};
  await scheduleScrubs(
    { schedule, archive, clock, onEvent },
    stopping.signal,
  );
  assert.equal(startsMs.length, 3);
  assert.equal(startsMs[0], beganMs);
  assert.equal(startsMs[1]! - startsMs[0]!, everyMs);
  assert.equal(startsMs[2]! - startsMs[1]!, everyMs);
});
