/**
 * Paths for the arrows rule: with `/`, whatever the system.
 *
 * @module
 */

/** The path of a `file:` URL; a folder's keeps its "/" at the end. */
export function fromFileUrl(url: string): string {
  return decodeURIComponent(new URL(url).pathname);
}

/** Resolves `.`, `..` and doubled `/` of a relative or absolute path. */
export function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.replaceAll("\\", "/").split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return (path.startsWith("/") ? "/" : "") + parts.join("/");
}
