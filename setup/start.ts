/**
 * The first half of `deno task start`: installs libpcap where that is
 * possible. The task's command is
 * `deno run -A setup/start.ts && deno run -A main.ts start`.
 *
 * It always ends with status 0: where libpcap is missing, the server's own
 * message says so.
 */

import { ensurePackages } from "./packages.ts";
import { SERVER_REQUIREMENTS } from "./requirements.ts";
import { say } from "./say.ts";

if (import.meta.main) {
  const missing = await ensurePackages(SERVER_REQUIREMENTS, {
    why: "the server sends and receives Ethernet frames with libpcap",
  });
  for (const { what, reason, remedy } of missing) {
    say(`Missing: ${what} (${reason}). To get it, ${remedy}`);
  }
}
