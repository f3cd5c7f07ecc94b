import assert from "node:assert/strict";
import { blobErrorCode } from "../../blobstores/blob_store.ts";
import {
  blobStoreChecks,
  ConformanceError,
  runBlobStoreCheck,
  type StorePlace,
  testBlobStore,
} from "../../blobstores/conformance.ts";
import { MemorySpace } from "../../blobstores/memory_store.ts";
import {
  InventsRanges,
  LeavesRangesAway,
  MixesRangesUp,
  ShortensRanges,
} from "./broken_ranges.ts";
import {
  AlteredStore,
  AlwaysHeld,
  type Breakage,
  ChangesBodies,
  ClaimsTooMuch,
  ClampsRanges,
  DeletesTooMuch,
  FoldersAsPrefixes,
  FoldersReplaceBlobs,
  ForgetsOnReopen,
  ForgetsToDelete,
  GuessesSizes,
  HidesDots,
  HUSH,
  IgnoresIfAbsent,
  IgnoresSignals,
  InventsBlobs,
  KeepsBodies,
  KeepsTheFirst,
  KeepsTheRequest,
  LeavesHalves,
  LendsItsMemory,
  ListsForEver,
  LocaleOrder,
  LooksThenLeaps,
  MistakesFolders,
  NeverLetsGo,
  NoWinner,
  OffByOne,
  OnePage,
  SaysEnoent,
  SharesMemory,
  ShowsItsUrl,
  StartsAt,
  TakesAnyKey,
  WritesInPieces,
} from "./broken_stores.ts";

/** For every check, the stores that it must find out. */
const BREAKAGES: Record<string, readonly Breakage[]> = {
  "an empty blob comes back empty": [ChangesBodies, ForgetsOnReopen],
  "a blob of one byte comes back": [ChangesBodies],
  "a blob of 5 MiB and 3 bytes comes back": [ChangesBodies],
  "a range is exactly the bytes asked for": [OffByOne],
  "a range that does not exist is refused": [ClampsRanges],
  "ranges that are read together are what was asked, or left out": [
    MixesRangesUp,
    LeavesRangesAway,
    ShortensRanges,
    InventsRanges,
  ],
  "a missing blob is NotFound, and null for head": [
    InventsBlobs,
    MistakesFolders,
  ],
  "a blob can be replaced": [KeepsTheFirst],
  "a reader sees a whole blob while it is replaced": [WritesInPieces],
  "creating a blob that exists changes nothing": [IgnoresIfAbsent],
  "of 32 creators of one blob exactly one wins": [LooksThenLeaps, NoWinner],
  "a deleted blob is gone, and no other": [ForgetsToDelete, DeletesTooMuch],
  "a body belongs to the caller after a put": [KeepsBodies],
  "a result belongs to the caller of get": [LendsItsMemory],
  "a body may lie in shared memory": [SharesMemory],
  "an operation that was given up does nothing": [IgnoresSignals],
  "a put that is given up leaves a whole blob or none": [LeavesHalves],
  "more than 1000 blobs are listed in order, once": [OnePage, LocaleOrder],
  "a prefix lists exactly its blobs": [FoldersAsPrefixes],
  "a listing starts behind a key": [StartsAt],
  "a listing tells sizes": [GuessesSizes],
  "every character of keys can be used": [HidesDots],
  "what is no key is refused": [TakesAnyKey],
  "a blob beside a folder of its name loses nothing": [FoldersReplaceBlobs],
  "a listing can be given up": [ListsForEver],
  "a store says truly what it can do": [ClaimsTooMuch],
  "a store has one holder at a time": [AlwaysHeld],
  "closing a store lets go of its hold": [NeverLetsGo],
  "an error has a class and words": [SaysEnoent],
  "no secret is shown": [ShowsItsUrl, KeepsTheRequest],
};

function placeOf(Store: Breakage): StorePlace {
  const space = new MemorySpace();
  return { open: () => Promise.resolve(new Store(space)) };
}

for (const check of blobStoreChecks) {
  Deno.test(`a broken store fails: ${check.name}`, async () => {
    const breakages = BREAKAGES[check.name] ?? [];
    assert.notEqual(breakages.length, 0, "no store is broken for this check");
    assert.ok(await runBlobStoreCheck(check, placeOf(AlteredStore), "check/"));
    for (const Store of breakages) {
      await assert.rejects(
        runBlobStoreCheck(check, placeOf(Store), "check/", [HUSH]),
        (error) => {
          const found = error instanceof ConformanceError ||
            blobErrorCode(error) === "NotFound";
          assert.ok(found, `${Store.name}: ${error}`);
          return true;
        },
        `${Store.name} passes`,
      );
    }
  });
}

Deno.test("every broken store is for a check that exists", () => {
  const names = blobStoreChecks.map(({ name }) => name);
  assert.deepEqual(Object.keys(BREAKAGES).sort(), [...names].sort());
  assert.equal(new Set(names).size, names.length);
});

Deno.test("a check of what a store does not claim is left out", async () => {
  class Modest extends AlteredStore {
    override readonly capabilities = {
      createExclusive: false,
      hold: false,
      concurrencyMax: 1,
    };
  }
  const ran: string[] = [];
  for (const check of blobStoreChecks) {
    const isMember = /delete|together/.test(check.name);
    if (check.needs === undefined || isMember) continue;
    const done = await runBlobStoreCheck(check, placeOf(Modest), "check/");
    if (done) ran.push(check.name);
  }
  assert.deepEqual(ran, []);
});

Deno.test("testBlobStore() closes the stores and removes the place", async () => {
  const events: string[] = [];
  class Watched extends AlteredStore {
    override close(): Promise<void> {
      events.push("close");
      return super.close();
    }
  }
  const runs: (() => Promise<void>)[] = [];
  testBlobStore("watched", () =>
    Promise.resolve({
      ...placeOf(Watched),
      remove: (): Promise<void> => {
        events.push("remove");
        return Promise.resolve();
      },
    }), {
    register: (name, run): void => {
      assert.match(name, /^watched: /);
      runs.push(run);
    },
  });
  assert.equal(runs.length, blobStoreChecks.length);
  await runs[0]!();
  assert.deepEqual(events, ["close", "close", "remove"]);
});
