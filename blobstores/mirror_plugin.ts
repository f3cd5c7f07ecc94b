/**
 * `mirror:` stores: `mirror:file:/mnt/a file:/mnt/b s3://bucket/prefix`, the URLs
 * of two to eight stores with spaces between.
 *
 * @module
 */

import { counted } from "./counted.ts";
import { BlobError, type BlobStore } from "./blob_store.ts";
import { isTemporary } from "./layers/backoff.ts";
import type { LayerClock } from "./layers/layer.ts";
import { layered } from "./layers/layered.ts";
import { MirrorStore } from "./layers/mirror.ts";
import { isQuorum, MirrorMember } from "./layers/mirror_member.ts";
import { equalBytes } from "./layers/mirror_put.ts";
import type { BlobStorePlugin, PluginContext } from "./plugin.ts";

const MEMBERS_MIN = 2;
const MEMBERS_MAX = 8;
/** The blob that names an archive: by it members know that they belong together. */
const IDENTITY_KEY = "format";
/** A member that takes longer is not waited for. */
const TIMEOUT_MS = 30_000;
const ATTEMPTS_MAX = 2;

const CLOCK: LayerClock = {
  nowMs: () => performance.now(),
  sleep(delayMs, signal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, delayMs);
      signal.addEventListener("abort", done);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
    });
  },
};

/** The URLs of the members in a `mirror:` URL. Throws `InvalidConfig`. */
export function parseMirrorUrl(url: string): string[] {
  const urls = url.slice(url.indexOf(":") + 1).split(/\s+/)
    .filter((it) => it !== "");
  if (urls.length < MEMBERS_MIN || urls.length > MEMBERS_MAX) {
    throw invalid(
      `Cannot open the mirror: it has ${
        counted(urls.length, "member")
      }. Write the URLs ` +
        `of ${MEMBERS_MIN} to ${MEMBERS_MAX} stores with spaces between, as in ` +
        `--store 'mirror:file:/mnt/a s3://bucket/prefix'`,
    );
  }
  if (urls.some((it) => /^mirror:/i.test(it))) {
    throw invalid("Cannot open the mirror: a mirror is no member of a mirror");
  }
  if (new Set(urls).size < urls.length) {
    throw invalid("Cannot open the mirror: a member is named twice");
  }
  return urls;
}

/** Opens mirrors. */
const plugin: BlobStorePlugin = {
  apiVersion: 1,
  schemes: ["mirror"],
  options: [{
    name: "write",
    type: "number",
    description:
      "so many members must have a blob before it counts as stored; a quorum " +
      "(more than half, or half with the first) when absent",
  }],
  async open(url, { create, settings = {} }, context): Promise<MirrorStore> {
    const urls = parseMirrorUrl(url);
    const write = settings.write ?? 1;
    const isCount = typeof write === "number" && Number.isInteger(write) &&
      write >= 1 && write <= urls.length;
    if (!isCount) {
      throw invalid(
        `Cannot open the mirror: "write" must be from 1 to its ` +
          `${urls.length} members`,
      );
    }
    const members = urls.map((it, index) =>
      memberAt(index, it, { create, context })
    );
    try {
      await openMembers(members);
      for (const member of members) {
        if (member.store !== undefined) await admit(member, members, create);
      }
      return new MirrorStore({
        members,
        writeCountMin: write,
        admit: (member) => admit(member, members, create),
        clock: CLOCK,
        report: context.report ?? (() => {}),
      });
    } catch (error) {
      await Promise.all(members.map(({ store }) => store?.close()));
      throw error;
    }
  },
};

export default plugin;

function memberAt(
  index: number,
  url: string,
  { create, context }: { create: boolean; context: PluginContext },
): MirrorMember {
  const { openStore } = context;
  if (openStore === undefined) {
    throw invalid("Cannot open the mirror: nothing here opens its members");
  }
  // A URL that cannot be opened yet must not show more than its scheme.
  const display = `member ${index + 1} (${url.slice(0, url.indexOf(":") + 1)})`;
  const isLocal = /^(file|memory):/i.test(url);
  return new MirrorMember(index, {
    display,
    open: async (): Promise<BlobStore> =>
      layered(await openStore(url, { create }), {
        ...(isLocal ? {} : { watchdog: { timeoutMs: TIMEOUT_MS } }),
        retry: { attemptsMax: ATTEMPTS_MAX },
        limits: {},
        clock: CLOCK,
        random: Math.random,
      }),
  }, CLOCK);
}

/** Opens all; those that are away come later, as long as a quorum is there. */
async function openMembers(members: readonly MirrorMember[]): Promise<void> {
  const outcomes = await Promise.allSettled(members.map((it) => it.open()));
  const errors = outcomes.flatMap((it) =>
    it.status === "rejected" ? it.reason : []
  );
  for (const error of errors) if (!isTemporary(error)) throw error;
  const opened = members.filter(({ store }) => store !== undefined);
  if (isQuorum(opened, members.length)) return;
  throw new BlobError(
    `Cannot open the mirror: too few of its members answer (${
      errors.map((it) => (it as Error).message).join("; ")
    }). A member that is left can be opened alone, as it is a whole store`,
    { code: "Unavailable", retryable: true },
  );
}

/**
 * Refuses a member that is another archive, or empty beside others that are
 * not: more likely a place that is not mounted than a new one.
 */
async function admit(
  member: MirrorMember,
  members: readonly MirrorMember[],
  create: boolean,
): Promise<void> {
  const own = await identityOf(member);
  for (const other of members) {
    if (other === member || other.store === undefined) continue;
    const its = await identityOf(other);
    if (its === null) continue;
    if (own === null && create) {
      member.isEmpty = true;
      continue;
    }
    if (own !== null && equalBytes(own, its)) continue;
    const error = invalid(
      own === null
        ? `Cannot use ${member.display} in a mirror: it holds no archive yet, and ` +
          `${other.display} holds an archive. If it is the right place ` +
          `(is it mounted?), have it filled by a server that is started with --create`
        : `Cannot use ${member.display} in a mirror with ` +
          `${other.display}: they hold different archives`,
    );
    await member.refuse(error);
    throw error;
  }
  // It may have missed something while no server was there to note it.
  member.behind = true;
}

async function identityOf(
  member: MirrorMember,
): Promise<Uint8Array<ArrayBuffer> | null> {
  return await member.look(async (store) => {
    const found = await store.head(IDENTITY_KEY);
    return found === null ? null : await store.get(IDENTITY_KEY);
  });
}

function invalid(message: string): BlobError {
  return new BlobError(message, { code: "InvalidConfig" });
}
