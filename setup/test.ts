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

const ROOT: string = new URL("..", import.meta.url).pathname;

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
  const lock = `${ROOT}/.cache/deno.lock`;
  await Deno.copyFile(`${ROOT}/deno.lock`, lock);
  const code = await deno(["test", "--allow-all", `--lock=${lock}`, ...args]);
  if (missing.length > 0) say("Tests that need what is missing were skipped.");
  return code;
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
