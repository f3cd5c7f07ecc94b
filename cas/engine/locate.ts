/**
 * Where blocks lie, for programs that read and write packs themselves.
 *
 * @module
 */

import { SCORE_LENGTH } from "../block_store.ts";
import {
  LOCATE_COUNT_MAX,
  type LocatedBlocks,
  type LocateRequest,
} from "../transfer_operations.ts";
import type { ReadyBlocks } from "./open_blocks.ts";

/**
 * Looks up scores that stand one after the other, in base64. With `thorough`
 * unknown packs are looked for where one is missing.
 */
export async function locateBlocks(
  request: LocateRequest,
  ready: ReadyBlocks,
): Promise<LocatedBlocks> {
  const scores = Uint8Array.fromBase64(request.scores);
  const count = scores.length / SCORE_LENGTH;
  if (!Number.isInteger(count) || count > LOCATE_COUNT_MAX) {
    throw new RangeError(
      `Cannot locate ${scores.length} bytes of scores: at most ${LOCATE_COUNT_MAX} of ${SCORE_LENGTH} bytes can be asked about`,
    );
  }
  const { anyCopy = false } = request;
  await ready.blocks.prove(scores);
  const located = lookUp(scores, ready, anyCopy);
  const misses = located.places.some((place) => place < 0);
  if (!misses || request.thorough !== true) return located;
  await ready.reader.last.search();
  const madeCount = await ready.blocks.mend();
  const again = lookUp(scores, ready, anyCopy);
  const lost = again.places.some((place) => place < 0);
  return lost && await ready.reader.last.dropCopies(madeCount)
    ? lookUp(scores, ready, anyCopy)
    : again;
}

function lookUp(
  scores: Uint8Array,
  { blocks }: ReadyBlocks,
  anyCopy: boolean,
): LocatedBlocks {
  const packs = new Map<string, number>();
  const places: number[] = [];
  const suspects: number[] = [];
  for (let offset = 0; offset < scores.length; offset += SCORE_LENGTH) {
    const place = blocks.locate(scores, offset, anyCopy);
    if (place === undefined) {
      places.push(-1, 0, 0, 0);
      continue;
    }
    const pack = packs.get(place.pack) ?? packs.size;
    packs.set(place.pack, pack);
    places.push(pack, place.offset, place.length, place.codec);
    if (place.suspect) suspects.push(offset / SCORE_LENGTH);
  }
  return { packs: [...packs.keys()], places, suspects };
}
