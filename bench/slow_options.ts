/**
 * How a server is told to use a folder as a store that is far away.
 *
 * @module
 */

/** Options of `serve` for the folder at `path`, so many milliseconds and bytes a second away. */
export async function slowStore(
  path: string,
  latencyMs: number,
  bytesPerSecond: number,
): Promise<string[]> {
  const module = new URL("slow_store.ts", import.meta.url);
  const bytes = await Deno.readFile(module);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const distance = `latency=${latencyMs}&bandwidth=${bytesPerSecond}`;
  return [
    ...["--plugin", `slow=${module.href}#sha256=${hash.toHex()}`],
    ...["--store", `slow:${path}?${distance}`],
  ];
}
