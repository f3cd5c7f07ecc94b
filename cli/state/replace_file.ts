/**
 * Small files that are replaced as a whole.
 *
 * @module
 */

/** Replaces a file's text so that after a power cut the old or the new one is there. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const file = await Deno.open(temporary, {
    write: true,
    create: true,
    truncate: true,
    mode: 0o600,
  });
  try {
    const bytes = new TextEncoder().encode(text);
    let written = 0;
    while (written < bytes.length) {
      written += await file.write(bytes.subarray(written));
    }
    await file.sync();
  } finally {
    file.close();
  }
  await Deno.rename(temporary, path);
  const folder = await Deno.open(path.slice(0, path.lastIndexOf("/")) || "/");
  try {
    await folder.sync();
  } finally {
    folder.close();
  }
}
