/** Mirrors of stores in memory that fail as they are told, with a clock by hand. */

import assert from "node:assert/strict";
import {
  BlobError,
  blobErrorCode,
  type BlobStore,
} from "../../blobstores/blob_store.ts";
import { type Fault, FaultyStore } from "../../blobstores/faults.ts";
import { MirrorStore } from "../../blobstores/layers/mirror.ts";
import { MirrorMember } from "../../blobstores/layers/mirror_member.ts";
import { MemorySpace, MemoryStore } from "../../blobstores/memory_store.ts";
import { ManualLayerClock } from "./manual_layer_clock.ts";

/** The key of a pack. */
export const PACK: string = `packs/ab/${"ab".repeat(32)}`;
/** A text as bytes. */
export const text = (it: string): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(it);
/** A member that does not answer. */
export const DOWN: Fault = { code: "Unavailable" };
const FULL: Fault = { code: "NoSpace" };

/** A mirror and all that is below it. */
export interface Rig {
  readonly mirror: MirrorStore;
  readonly members: readonly MirrorMember[];
  readonly spaces: readonly MemorySpace[];
  /** What goes wrong with all operations of a member. */
  readonly faults: (Fault | null)[];
  /** Members whose puts find no room. */
  readonly full: Set<number>;
  /** Operations of each member, as "put key". */
  readonly asked: string[][];
  readonly messages: string[];
  readonly clock: ManualLayerClock;
}

/** How a rig differs from a sound one. */
export interface RigOptions {
  readonly spaces?: readonly MemorySpace[];
  readonly writeCountMin?: number;
  readonly admit?: (member: MirrorMember) => Promise<void>;
  /** Members that cannot be opened at first. */
  readonly away?: readonly number[];
}

/** A mirror of so many members. */
export async function makeRig(
  count: number,
  options: RigOptions = {},
): Promise<Rig> {
  const { writeCountMin = 1, away = [] } = options;
  const spaces = options.spaces ??
    Array.from({ length: count }, () => new MemorySpace());
  const faults: (Fault | null)[] = spaces.map((_, index) =>
    away.includes(index) ? DOWN : null
  );
  const clock = new ManualLayerClock();
  const full = new Set<number>();
  const asked: string[][] = spaces.map(() => []);
  const members = spaces.map((space, index) =>
    new MirrorMember(index, {
      display: `member ${index}`,
      open: (): Promise<BlobStore> =>
        faults[index] === DOWN
          ? Promise.reject(
            new BlobError("it is away", { code: "Unavailable" }),
          )
          : Promise.resolve(
            new FaultyStore(
              new MemoryStore({ space, display: `memory:${index}` }),
              {
                choose: ({ name, key }) => {
                  asked[index]!.push(`${name} ${key}`);
                  return name === "put" && full.has(index)
                    ? FULL
                    : faults[index]!;
                },
                sleep: (ms, signal) =>
                  clock.sleep(ms, signal ?? new AbortController().signal),
              },
            ),
          ),
    }, clock)
  );
  await Promise.allSettled(members.map((it) => it.open()));
  const messages: string[] = [];
  const mirror = new MirrorStore({
    members,
    writeCountMin,
    admit: options.admit ?? (() => Promise.resolve()),
    clock,
    report: (message) => messages.push(message),
  });
  return { mirror, members, spaces, faults, full, asked, messages, clock };
}

/** Lets the background work until nothing is behind. */
export async function heal({ members, clock }: Rig): Promise<void> {
  for (let step = 0; step < 50; step++) {
    clock.advance(60_000);
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (members.every((it) => !it.behind && it.store !== undefined)) return;
  }
  assert.fail("a member is still behind");
}

/** Tells errors of a code. */
export function codeIs(code: string): (error: unknown) => boolean {
  return (error) => blobErrorCode(error) === code;
}
