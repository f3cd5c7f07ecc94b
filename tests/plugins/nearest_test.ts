import assert from "node:assert/strict";
import { nearestWord } from "../../plugins/nearest.ts";

const WORDS = ["file", "memory", "s3", "azure"];

const CASES: [string, string | null][] = [
  ["fiel", "file"],
  ["fil", "file"],
  ["files", "file"],
  ["memroy", "memory"],
  ["azur", "azure"],
  ["s4", "s3"],
  ["x", null],
  ["zz", null],
  ["gopher", null],
  ["", null],
];

for (const [typed, expected] of CASES) {
  Deno.test(`nearestWord() finds ${expected} for "${typed}"`, () => {
    assert.equal(nearestWord(typed, WORDS), expected);
  });
}
