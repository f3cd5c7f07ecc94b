/**
 * The process that makes the load: takes jobs, one JSON object a line, and
 * answers each with its outcome, until its input ends.
 *
 * @module
 */

import { PcapLink } from "../aoe/link/pcap.ts";
import { findTarget, type LoadOutcome, runLoad } from "./load.ts";
import type { Load, TargetAddress } from "./load_request.ts";

/** One load for one server. */
export interface Job {
  /** The target to ask. */
  readonly target: TargetAddress;
  /** What to ask it. */
  readonly load: Load;
}

/** How a job ended. */
export type JobAnswer =
  | { readonly outcome: LoadOutcome }
  | { readonly error: string };

/** A server that starts, or recovers, must answer within this. */
const FIND_MS = 20_000;

/** Does the jobs that come in on `input`, through the interface `name`. */
async function serveJobs(
  name: string,
  input: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  const link = new PcapLink(name);
  let buffered = "";
  for await (const text of input.pipeThrough(new TextDecoderStream())) {
    buffered += text;
    const lines = buffered.split("\n");
    buffered = lines.pop() ?? "";
    for (const line of lines) {
      console.log(JSON.stringify(await answer(link, JSON.parse(line))));
    }
  }
  link.close();
}

async function answer(link: PcapLink, job: Job): Promise<JobAnswer> {
  try {
    const mac = await findTarget(link, job.target, FIND_MS);
    return { outcome: await runLoad(link, job.target, mac, job.load) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : `${error}` };
  }
}

if (import.meta.main) await serveJobs(Deno.args[0] ?? "", Deno.stdin.readable);
