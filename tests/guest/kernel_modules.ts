/** Which kernel modules must be loaded, and in which order. */

/**
 * The paths (relative to `modulesDir`) of the modules named and of all that
 * they depend on, each after its own dependencies.
 *
 * A name that is not among the modules is left out: it may be built in. Names
 * are as in `modprobe`: "-" and "_" are the same.
 */
export async function moduleLoadOrder(
  modulesDir: string,
  names: readonly string[],
): Promise<string[]> {
  const table = new Map<string, { path: string; needs: string[] }>();
  const text = await Deno.readTextFile(`${modulesDir}/modules.dep`);
  for (const line of text.split("\n")) {
    const [path, needs] = line.split(":");
    if (path === undefined || needs === undefined) continue;
    table.set(moduleName(path), {
      path,
      needs: needs.split(" ").filter((it) => it !== ""),
    });
  }
  const ordered = new Set<string>();
  function visit(name: string): void {
    const module = table.get(name);
    if (module === undefined || ordered.has(module.path)) return;
    module.needs.forEach((path) => visit(moduleName(path)));
    ordered.add(module.path);
  }
  names.forEach((name) => visit(moduleName(name)));
  return [...ordered];
}

/** "kernel/fs/ext4/ext4.ko.xz" is ext4. */
function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf("/") + 1);
  return file.replace(/\.ko(\.\w+)?$/, "").replaceAll("-", "_");
}
