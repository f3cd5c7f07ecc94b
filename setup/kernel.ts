/**
 * A stock Debian kernel for the end-to-end tests, taken apart and not
 * installed: its image and its modules lie in the cache folder of the
 * checkout, which git ignores and which may be deleted at any time.
 */

import { installObstacle, type Missing } from "./packages.ts";
import { findProgram } from "./requirements.ts";
import { run } from "./run.ts";
import { say } from "./say.ts";

/** A kernel on disk that a virtual machine can boot. */
export interface Kernel {
  /** Path of the compressed kernel image. */
  readonly vmlinuz: string;
  /** Folder with `modules.dep` and the modules. */
  readonly modulesDir: string;
}

/** The Debian package that always depends on the newest stock kernel. */
const KERNEL_META_PACKAGE = "linux-image-amd64";

const CACHE_DIR: string = new URL("../.cache/kernel", import.meta.url).pathname;

/** The kernel that an earlier run prepared, or undefined. */
export function findKernel(): Kernel | undefined {
  const names = subfolders(CACHE_DIR).filter((name) => !name.endsWith(".part"));
  for (const name of names.sort().reverse()) {
    const release = subfolders(`${CACHE_DIR}/${name}/lib/modules`).at(0);
    if (release === undefined) continue;
    return {
      vmlinuz: `${CACHE_DIR}/${name}/boot/vmlinuz-${release}`,
      modulesDir: `${CACHE_DIR}/${name}/lib/modules/${release}`,
    };
  }
  return undefined;
}

/**
 * The kernel in the cache, or a newly downloaded one. Where that cannot be,
 * what is missing and how to get it.
 */
export async function ensureKernel(): Promise<Kernel | Missing> {
  const cached = findKernel();
  if (cached !== undefined) return cached;
  const obstacle = installObstacle();
  if (obstacle !== undefined) return missingKernel(obstacle);
  return await prepareKernel() ?? findKernel() ??
    missingKernel(`no kernel image in what ${KERNEL_META_PACKAGE} brought`);
}

/** Returns what is missing, or undefined once the kernel is in the cache. */
async function prepareKernel(): Promise<Missing | undefined> {
  await run("apt-get", ["-qq", "update"]);
  const depends = await run("apt-cache", ["depends", KERNEL_META_PACKAGE]);
  const name = depends.stdout.match(/Depends: (linux-image-[0-9]\S*)/)?.[1];
  if (name === undefined) {
    return missingKernel(`apt-cache knows no ${KERNEL_META_PACKAGE}`);
  }
  say(`Downloading ${name}: the kernel of the end-to-end tests.`);
  await Deno.mkdir(CACHE_DIR, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: CACHE_DIR, suffix: ".part" });
  try {
    return await unpack(name, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function unpack(
  name: string,
  folder: string,
): Promise<Missing | undefined> {
  const download = await run("apt-get", ["download", name], { cwd: folder });
  const archive = [...Deno.readDirSync(folder)]
    .find((entry) => entry.name.endsWith(".deb"))?.name;
  if (!download.success || archive === undefined) {
    return missingKernel(`apt-get download ${name}: ${download.stderr.trim()}`);
  }
  const tree = `${folder}/tree`;
  const extract = await run("dpkg", ["-x", `${folder}/${archive}`, tree]);
  const release = subfolders(`${tree}/lib/modules`).at(0) ?? "";
  const depmod = await run(findProgram("depmod") ?? "depmod", [
    "-b",
    tree,
    release,
  ]);
  if (!extract.success || !depmod.success) {
    return missingKernel(
      `taking ${archive} apart: ${extract.stderr}${depmod.stderr}`.trim(),
    );
  }
  try {
    // Whole or not at all: an interrupted run leaves only a .part folder.
    await Deno.rename(tree, `${CACHE_DIR}/${archive.replace(/\.deb$/, "")}`);
  } catch (error) {
    // Another run was quicker, which is as good.
    if (findKernel() === undefined) throw error;
  }
  return undefined;
}

function missingKernel(reason: string): Missing {
  return {
    what: `a kernel image (Debian package ${KERNEL_META_PACKAGE})`,
    reason,
    remedy: "as root on Debian: deno task test",
  };
}

function subfolders(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)]
      .filter((entry) => entry.isDirectory)
      .map((entry) => entry.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
