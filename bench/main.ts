/**
 * Measures our server beside Debian's vblade: on the same interfaces, with the
 * same load, in the same run, turn by turn. Only the ratios mean something on
 * another machine.
 *
 * @module
 */

import { parseArgs } from "node:util";
import {
  CEPH_REQUIREMENTS,
  findProgram,
  type Requirement,
  unmet,
} from "../setup/requirements.ts";
import { measureArchive } from "./archive_rows.ts";
import { measureBehind } from "./behind.ts";
import { type ColdResult, measureCold } from "./cold.ts";
import {
  type Contender,
  deepshelf,
  processorTimeUs,
  type StartOptions,
  TARGET,
  vblade,
} from "./contenders.ts";
import { INDEX_ENTRIES, INDEX_NAME, measureIndex } from "./index_rows.ts";
import { LoadClient } from "./load_client.ts";
import { measureOpening, OPENING_NAME } from "./opening_rows.ts";
import { Network } from "./network.ts";
import { measureStarts } from "./restart.ts";
import {
  fill,
  type Group,
  GROUPS,
  type Measure,
  READ_BYTES,
  type Row,
} from "./rows.ts";
import { measureS3 } from "./s3.ts";
import { measureBesideS3backer } from "./s3backer.ts";
import { formatTable, type RowResult } from "./table.ts";

/** Load before the measurement, so that servers are warm: ours is compiled while it runs. */
const WARM_UP_MS = 2000;
/** What `--only` calls the reads of what is far away. */
const COLD_NAME = "cold read through a store with 20 ms and 100 MB/s";
/** What `--only` calls writes to what is far away. */
const BEHIND_NAME = "write with a store behind that has 20 ms and 100 MB/s";
/** What `--only` calls an archive in S3. */
const S3_NAME = "s3: an archive in Ceph's gateway on loopback";
/** What `--only` calls a disk in S3 beside s3backer's. */
const S3BACKER_NAME = "a disk in S3 beside s3backer";
/** What `--only` calls memory under hostile frames. */
const FRAMES_NAME = "heap growth over 10 million hostile frames";
/** The word of the opening that no other name has. */
const OPENING = "opening";
const S3BACKER_REQUIREMENTS: readonly Requirement[] = [
  ...CEPH_REQUIREMENTS,
  { debianPackage: "s3backer", anyOf: ["s3backer"] },
  { debianPackage: "fio", anyOf: ["fio"] },
];
/** What `--only` calls the starts. */
const STARTS_NAME = "start after kill -9, start as the archive grows";

const HELP = `deno task bench [options]
  --rounds N     how often every server has its turn (3)
  --seconds N    how long each load lasts (2)
  --only TEXT    only the loads whose name contains this
  --entries N    how many entries the index grows to, in millions (${
  INDEX_ENTRIES / 1e6 | 0
})
  --size N       MiB that the loads of the archive write, and whose puts are counted (1024)
  --dir PATH     where the disks lie (a folder of its own below .cache)`;

interface Options {
  readonly rounds: number;
  readonly durationMs: number;
  readonly only: string;
  readonly indexEntries: number;
  readonly archiveBytes: number;
  readonly folder: string;
}

/** Runs the bench and prints the table. */
async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "2" },
      only: { type: "string", default: "" },
      entries: { type: "string" },
      size: { type: "string", default: "1024" },
      dir: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  // These need neither a network nor another server.
  const alone = values.only === INDEX_NAME || values.only === OPENING;
  const missing = alone ? undefined : missingMeans();
  if (missing !== undefined) {
    console.error(missing);
    return 1;
  }
  // A terminal's interrupt ends servers and load too, so the run fails and
  // cleans up after itself; without a listener it would not get that far.
  Deno.addSignalListener("SIGINT", () => console.error("Interrupted"));
  const parent = values.dir ?? new URL("../.cache", import.meta.url).pathname;
  await Deno.mkdir(parent, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: parent, prefix: "bench-" });
  try {
    await measureAll({
      rounds: Number(values.rounds),
      durationMs: Number(values.seconds) * 1000,
      only: values.only,
      indexEntries: values.entries === undefined
        ? INDEX_ENTRIES
        : Number(values.entries) * 1e6,
      archiveBytes: Number(values.size) * 2 ** 20,
      folder,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const again = args.length > 0 ? ` ${args.join(" ")}` : "";
  console.log(`\nTo repeat: sudo deno task bench${again}`);
  return 0;
}

/** What to type before the bench can run, or undefined. */
function missingMeans(): string | undefined {
  if (Deno.uid() !== 0) {
    return "The bench makes network namespaces, which takes root. Type: sudo deno task bench";
  }
  if (findProgram("vblade") === undefined) {
    return "The bench compares with vblade, which is not installed. Type: apt-get install vblade";
  }
  return undefined;
}

async function measureAll(options: Options): Promise<void> {
  const results: RowResult[] = [];
  for (const group of GROUPS) {
    const rows = group.rows.filter((it) => it.name.includes(options.only));
    if (rows.length === 0) continue;
    results.push(...await measureGroup({ ...group, rows }, options));
  }
  if (results.length > 0) console.log(`\n${formatTable(results)}`);
  await measureArchive({
    folder: options.folder,
    byteCount: options.archiveBytes,
    only: options.only,
  });
  if (INDEX_NAME.includes(options.only)) {
    await measureIndex(options.folder, options.indexEntries);
  }
  if (OPENING_NAME.includes(options.only)) {
    await measureOpening(options.folder);
  }
  if (COLD_NAME.includes(options.only)) {
    await showFar(options, COLD_NAME, measureCold);
  }
  if (BEHIND_NAME.includes(options.only)) {
    await showFar(
      options,
      BEHIND_NAME,
      (folder) => measureBehind(folder, options.archiveBytes),
    );
  }
  await showS3(options, S3_NAME, CEPH_REQUIREMENTS, measureS3);
  await showS3(
    options,
    S3BACKER_NAME,
    S3BACKER_REQUIREMENTS,
    measureBesideS3backer,
  );
  if (FRAMES_NAME.includes(options.only)) {
    console.log(`\n${FRAMES_NAME}, in bytes:`);
    await showFrames();
  }
  if (!STARTS_NAME.includes(options.only)) return;
  const folder = `${options.folder}/starts`;
  await Deno.mkdir(folder);
  console.log("\nFrom the start of the process to the first answer:");
  for (const { name, startMs } of await measureStarts(folder)) {
    console.log(`  ${name}: ${(startMs / 1000).toFixed(2)} s`);
  }
}

/** Runs the fuzzer's long run, which prints what it saw. */
async function showFrames(): Promise<void> {
  const root = new URL("..", import.meta.url).pathname;
  const program = `${root}tests/aoe/fuzz_server.ts`;
  const collecting = ["run", "--v8-flags=--expose-gc", program];
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...collecting, `${10_000_000}`, "1"],
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("The server did not outlast hostile frames");
}

/** The same for what takes Ceph and other programs, where they are installed. */
async function showS3(
  options: Options,
  name: string,
  requirements: readonly Requirement[],
  measure: (folder: string) => Promise<ColdResult[]>,
): Promise<void> {
  if (!name.includes(options.only)) return;
  const missing = unmet(requirements).map((it) => it.debianPackage);
  if (missing.length === 0) return await showFar(options, name, measure);
  const packages = missing.join(" ");
  const remedy = `apt-get install --no-install-recommends ${packages}`;
  console.log(`\n${name}: skipped. To run it, as root: ${remedy}`);
}

async function showFar(
  options: Options,
  name: string,
  measure: (folder: string) => Promise<ColdResult[]>,
): Promise<void> {
  const folder = `${options.folder}/far`;
  await Deno.mkdir(folder);
  console.log(`\n${name}:`);
  for (const result of await measure(folder)) {
    console.log(`  ${formatCold(result)}`);
  }
  await Deno.remove(folder, { recursive: true });
}

function formatCold(result: ColdResult): string {
  const { name, reached, possible, unit, aim } = result;
  const ratio = reached / possible;
  const all = `${name}: ${Math.round(reached)} of ${possible} ${unit}, ratio ${
    ratio.toFixed(2)
  }`;
  if (aim === undefined) return all;
  return `${all}, aim >= ${aim}, ${ratio >= aim ? "met" : "MISSED"}`;
}

/** Every server has its turn in every round. */
async function measureGroup(
  group: Group,
  options: Options,
): Promise<RowResult[]> {
  const measures = group.rows.map((row) => ({
    row,
    theirs: [] as Measure[],
    ours: [] as Measure[],
  }));
  await using network = await Network.create(group.mtu);
  await using load = new LoadClient(network);
  for (let round = 0; round < options.rounds; round++) {
    for (const contender of [vblade, deepshelf]) {
      const folder = `${options.folder}/${contender.name}`;
      await Deno.mkdir(folder);
      const start = { network, folder, durable: group.durable };
      const taken = await takeTurn(contender, start, group, load, options);
      taken.forEach((measure, index) => {
        const result = measures[index];
        (contender === deepshelf ? result?.ours : result?.theirs)?.push(
          measure,
        );
      });
      await Deno.remove(folder, { recursive: true });
    }
  }
  return measures;
}

/** One server sees all loads of the group. */
async function takeTurn(
  contender: Contender,
  start: StartOptions,
  group: Group,
  load: LoadClient,
  options: Options,
): Promise<Measure[]> {
  const server = await contender.start(start);
  const measures: Measure[] = [];
  try {
    const bytes = group.durable ? contender.settleBytes : READ_BYTES;
    await load.run({ target: TARGET, load: fill(group, bytes) });
    for (const row of group.rows) {
      const measure = await measureRow(row, server.pid, load, options);
      console.error(contender.name, row.name, JSON.stringify(measure));
      measures.push(measure);
    }
  } finally {
    await end(server);
  }
  return measures;
}

async function end(server: Deno.ChildProcess): Promise<void> {
  try {
    server.kill("SIGKILL");
  } catch (error) {
    // It ended by itself, and has said why on its standard error.
    if (!(error instanceof TypeError)) throw error;
  }
  await server.status;
}

async function measureRow(
  row: Row,
  pid: number,
  load: LoadClient,
  options: Options,
): Promise<Measure> {
  const job = { target: TARGET, load: { ...row.load, durationMs: WARM_UP_MS } };
  await load.run(job);
  const before = processorTimeUs(pid);
  const outcome = await load.run({
    ...job,
    load: { ...row.load, durationMs: options.durationMs },
  });
  const processorUs = processorTimeUs(pid) - before;
  if (outcome.resent > 0) {
    console.error(`  ${outcome.resent} requests were lost and sent again`);
  }
  return {
    requestsPerSecond: outcome.requests / outcome.elapsedMs * 1000,
    processorUs: processorUs / outcome.requests,
    medianUs: outcome.medianUs,
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
