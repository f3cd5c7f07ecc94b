import assert from "node:assert/strict";
import { withFolder } from "../temporary_folder.ts";
import { captureMain } from "./captured_main.ts";
import { fill, openDisk } from "./opened_disk.ts";

Deno.test("copy tells of a snapshot's name that is there for another state, and ends with 1", () =>
  withFolder(async (folder) => {
    const [from, to] = [`file:${folder}/from`, `file:${folder}/to`];
    const write = async (): Promise<void> => {
      const disk = await openDisk({ storeUrl: from });
      await fill(disk);
      await disk.close();
    };
    const type = async (...args: string[]): Promise<void> => {
      const { status, text } = await captureMain(args);
      assert.equal(status, 0, text);
    };
    const copy = ["copy", "--store", from, "--to", to];
    const name = (store: string, snapshot: string): Promise<void> =>
      type("snapshot", "create", "disk", snapshot, "--store", store);
    await write();
    await name(from, "monday");
    await type(...copy, "--create");
    await type(...copy);
    await name(to, "friday");
    await write();
    await name(from, "friday");

    const { status, text } = await captureMain(copy);
    assert.equal(status, 1, text);
    assert.match(
      text,
      /CONFLICT snapshot "friday" of volume "disk": it is state \d+, root .* in file:.*\/from, and .*\/to\. Nothing was overwritten; .*snapshot create disk@friday NAME; snapshot retire disk friday/,
    );
    const told = await captureMain([...copy, "--json"]);
    assert.equal(told.status, 1);
    const result = JSON.parse(told.text.trim().split("\n").at(-1)!);
    assert.deepEqual(
      result.nameConflicts.map(({ name }: { name: string }) => name),
      ["friday"],
    );
    // What it says to type is the way out.
    await type("snapshot", "create", "disk@friday", "late", "--store", from);
    await type("snapshot", "retire", "disk", "friday", "--store", from);
    const both = ["disk@friday", "twice", "--at", "2027-03-01T09:30:00Z"];
    const refused = ["snapshot", "create", ...both, "--store", from];
    assert.equal((await captureMain(refused)).status, 2);
    await type(...copy);
    const listed = await captureMain(["snapshot", "list", "--store", to]);
    assert.match(listed.text, /friday/);
    assert.match(listed.text, /late/);
    const rootOf = async (
      snapshot: string,
      ...args: string[]
    ): Promise<unknown> => {
      const { text } = await captureMain(["snapshot", "list", ...args]);
      return text.split("\n").filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line))
        .find(({ name }) => name === snapshot)?.rootHash;
    };
    const late = await rootOf("late", "--store", to, "--json");
    assert.ok(late);
    assert.equal(
      await rootOf("friday", "--retired", "--store", from, "--json"),
      late,
    );
  }));
