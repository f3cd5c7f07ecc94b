/**
 * Installs missing operating system packages where that is possible (Debian,
 * root), and otherwise says what to type.
 */

import { findProgram, type Requirement, unmet } from "./requirements.ts";
import { run } from "./run.ts";
import { say } from "./say.ts";

/** Something that could not be brought onto this machine. */
export interface Missing {
  /** Its name, for example a Debian package. */
  readonly what: string;
  /** Why it could not be had. */
  readonly reason: string;
  /** What to type to get it. */
  readonly remedy: string;
}

/** Options of {@link ensurePackages}. */
export interface EnsurePackagesOptions {
  /** What the packages are for: ends the one line that is printed. */
  readonly why: string;
}

/**
 * Installs the packages of those `requirements` that are not met, without
 * recommended packages and without questions.
 *
 * Returns what is still missing afterwards; it never throws for a package
 * that cannot be had, because only the caller knows whether it can go on.
 */
export async function ensurePackages(
  requirements: readonly Requirement[],
  options: EnsurePackagesOptions,
): Promise<Missing[]> {
  const wanted = unmet(requirements).map((it) => it.debianPackage);
  if (wanted.length === 0) return [];
  const obstacle = installObstacle();
  if (obstacle !== undefined) return missing(requirements, obstacle);
  say(`Installing ${wanted.join(", ")} with apt-get: ${options.why}.`);
  const failure = await install(wanted);
  return missing(requirements, failure ?? "apt-get installed it elsewhere");
}

/** What keeps this process from installing packages, or undefined. */
export function installObstacle(): string | undefined {
  if (findProgram("apt-get") === undefined) {
    return "this system has no apt-get";
  }
  if (Deno.uid() !== 0) return "installing packages needs root";
  return undefined;
}

async function install(
  packages: readonly string[],
): Promise<string | undefined> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  // Another apt-get may be at work, as on a machine that has just started.
  const wait = ["-o", "DPkg::Lock::Timeout=300"];
  // An outdated list still names most packages, so its failure is not the end.
  await run("apt-get", [...wait, "-qq", "update"], { env });
  const result = await run("apt-get", [
    ...wait,
    "-qq",
    "install",
    "--yes",
    "--no-install-recommends",
    ...packages,
  ], { env });
  if (result.success) return undefined;
  return `apt-get failed: ${result.stderr.trim().split("\n").at(-1)}`;
}

function missing(
  requirements: readonly Requirement[],
  reason: string,
): Missing[] {
  return unmet(requirements).map((it) => ({
    what: it.debianPackage,
    reason,
    remedy: "as root: apt-get install --no-install-recommends " +
      it.debianPackage,
  }));
}
