/** A process that holds the file store it is given, until it is killed. */

import { openFileStore } from "../../blobstores/file_store.ts";

const path = Deno.args[0]!;
const store = await openFileStore({ path, create: false });
const hold = await store.hold();
console.log(hold === null ? "refused" : "held");
if (hold !== null) await new Promise((resolve) => setTimeout(resolve, 600_000));
