/**
 * `deno task test`: brings what the tests need onto this machine, then runs
 * them. Arguments go to `deno test`, after its flags.
 *
 * The task's command is `deno run -A setup/test.ts`. What cannot be installed
 * is named together with the way to get it, and the tests that need it are
 * skipped; in CI (`CI=true`) it ends the run instead.
 */

import { ensureKernel } from "./kernel.ts";
import { ensurePackages, type Missing } from "./packages.ts";
import {
  AOETOOLS_REQUIREMENTS,
  CEPH_REQUIREMENTS,
  GUEST_REQUIREMENTS,
  IPXE_REQUIREMENTS,
  SERVER_REQUIREMENTS,
  TEST_REQUIREMENTS,
  WEB_REQUIREMENTS,
} from "./requirements.ts";
import { say } from "./say.ts";
import { type Command, runSideBySide } from "./side_by_side.ts";

const ROOT: string = new URL("..", import.meta.url).pathname;
/**
 * Tests with other people's programs: a guest, Ceph, Apache. They mostly wait,
 * and take half of the time that all tests take one after the other.
 */
const WAITING_TESTS: readonly string[] = [
  "tests/blobstores",
  "tests/guest",
  "tests/peers",
  "tests/plugins",
];

/** Returns the exit status: that of the tests, or 1 if CI misses something. */
async function main(args: readonly string[]): Promise<number> {
  const missing = await prepare();
  for (const { what, reason, remedy } of missing) {
    say(`Missing: ${what} (${reason}). To get it, ${remedy}`);
  }
  if (missing.length > 0 && Deno.env.get("CI") === "true") {
    say("CI runs every test, so nothing may be missing.");
    return 1;
  }
  // The lock file must have every package, and stays as it is: what tests
  // import at run time goes into a copy.
  for (const gate of [["install", "--frozen"], ["task", "check"]]) {
    const code = await deno(gate);
    if (code !== 0) return code;
  }
  const code = args.length === 0
    ? await testAll()
    : await deno((await testCommand("all", args)).slice(1));
  if (missing.length > 0) say("Tests that need what is missing were skipped.");
  return code;
}

/** All tests: those that mostly wait beside those that mostly compute. */
async function testAll(): Promise<number> {
  return await runSideBySide({
    shown: await testCommand("computing", [
      `--ignore=${WAITING_TESTS.join(",")}`,
    ]),
    held: await testCommand("waiting", WAITING_TESTS),
    heldName: WAITING_TESTS.join(", "),
    cwd: ROOT,
  });
}

/** A command that runs tests, with a lock file of this name. */
async function testCommand(
  name: string,
  args: readonly string[],
): Promise<Command> {
  const lock = `${ROOT}/.cache/${name}.lock`;
  await Deno.copyFile(`${ROOT}/deno.lock`, lock);
  const deno = Deno.execPath();
  // Types were checked by the gate.
  return [deno, "test", "--allow-all", "--no-check", `--lock=${lock}`, ...args];
}

/** Runs this Deno with these arguments, in this project; its exit status. */
async function deno(args: readonly string[]): Promise<number> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
  }).spawn();
  return (await process.status).code;
}

async function prepare(): Promise<Missing[]> {
  const missing = await ensurePackages(
    [
      ...new Set([
        ...SERVER_REQUIREMENTS,
        ...GUEST_REQUIREMENTS,
        ...AOETOOLS_REQUIREMENTS,
        ...IPXE_REQUIREMENTS,
        ...TEST_REQUIREMENTS,
        ...CEPH_REQUIREMENTS,
        ...WEB_REQUIREMENTS,
      ]),
    ],
    { why: "the tests run a Linux guest, AoE tools, Ceph and a web server" },
  );
  await Deno.mkdir(`${ROOT}/.cache`, { recursive: true });
  const kernel = await ensureKernel();
  if ("remedy" in kernel) missing.push(kernel);
  return missing;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
