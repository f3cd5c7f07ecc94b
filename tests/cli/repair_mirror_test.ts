import assert from "node:assert/strict";
import { assertSame } from "../assert_same.ts";
import { chooseCodec } from "../../cli/archive/native_codec.ts";
import { withFolder } from "../temporary_folder.ts";
import { type CapturedRun, captureMain } from "./captured_main.ts";
import { fill, openDisk, type OpenedDisk, readAll } from "./opened_disk.ts";

function open(storeUrl: string): Promise<OpenedDisk> {
  return openDisk({ storeUrl });
}

/** Keys of the blobs in a folder, with their text. */
async function blobsIn(
  folder: string,
  path = "",
): Promise<Map<string, string>> {
  const blobs = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${path}`)) {
    if (path === "" && (name === "local" || name === "tmp")) continue;
    const key = `${path}${name}`;
    if (isDirectory) {
      for (const [inner, text] of await blobsIn(folder, `${key}/`)) {
        blobs.set(inner, text);
      }
    } else if (isBlob(key)) {
      blobs.set(key, (await Deno.readFile(`${folder}/${key}`)).toHex());
    }
  }
  return blobs;
}

/** Not a file of the store's own. */
function isBlob(key: string): boolean {
  return key === "format" || key.includes("/");
}

function repair(url: string, ...more: string[]): Promise<CapturedRun> {
  return captureMain(["repair", "--store", url, ...more]);
}

async function change(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[bytes.length >> 1]! ^= 1;
  await Deno.writeFile(path, bytes);
}

function keysWith(
  blobs: ReadonlyMap<string, string>,
  prefix: string,
): string[] {
  return [...blobs.keys()].filter((it) => it.startsWith(prefix)).sort();
}

Deno.test("repair fills up a mirror's member that lacks blobs, and mends damage in either", () =>
  withFolder(async (folder) => {
    const [a, b] = [`${folder}/a`, `${folder}/b`];
    const url = `mirror:file:${a} file:${b}`;
    const disk = await open(url);
    const content = await fill(disk);
    await disk.close();
    const whole = await blobsIn(a);
    const [pack] = keysWith(whole, "packs/");
    const roots = keysWith(whole, "roots/");
    await Deno.remove(`${b}/${roots[0]}`);
    await Deno.remove(`${b}/${pack}`);
    await change(`${a}/${roots.at(-1)}`);
    await change(`${b}/${keysWith(whole, "epoch/")[0]}`);

    const { status, text } = await repair(url, "--json");
    assert.equal(status, 0, text);
    const result = JSON.parse(text.trim().split("\n").at(-1)!);
    assert.equal(result.blobCount, whole.size);
    assert.equal(result.copiedCount, 2);
    assert.deepEqual(
      result.replaced.map(({ key }: { key: string }) => key),
      [keysWith(whole, "epoch/")[0], roots.at(-1)],
    );
    assert.deepEqual(await blobsIn(a), whole);
    assert.deepEqual(await blobsIn(b), whole);
    const again = await repair(url);
    assert.equal(again.status, 0);
    assert.match(again.text, / 0 copies made .*all members are equal/);
    const alone = await open(`file:${b}`);
    assertSame(await readAll(alone), content);
    await alone.close();
  }));

for (const names of [["a", "b"], ["a", "b", "c"]]) {
  Deno.test(`repair of ${names.length} members leaves what is sound and differs as it is, and lists each side`, () =>
    withFolder(async (folder) => {
      const members = names.map((name) => `${folder}/${name}`);
      const url = `mirror:${members.map((it) => `file:${it}`).join(" ")}`;
      const first = await open(url);
      await first.close();
      // Two servers, each with another half: that is what makes such a mirror.
      for (const member of members.slice(0, 2)) {
        const alone = await open(`file:${member}`);
        await fill(alone);
        await alone.close();
      }
      const before = await Promise.all(members.map((it) => blobsIn(it)));
      const differing = [...before[0]!.keys()].filter((key) =>
        before[1]!.has(key) && before[0]!.get(key) !== before[1]!.get(key)
      );
      assert.ok(
        keysWith(before[0]!, "roots/").some((it) => differing.includes(it)),
      );
      const { status, text } = await repair(url);
      assert.equal(status, 1, text);
      assert.doesNotMatch(text, /are equal/);
      for (const key of differing) {
        const line = text.split("\n").find((it) =>
          it.includes(`CONFLICT ${key}`)
        );
        assert.ok(line, `${key} in ${text}`);
        assert.match(line, /file:.*\/a \(\d+ bytes, sound\), file:.*\/b \(/);
      }
      for (const [index, member] of members.entries()) {
        const after = await blobsIn(member);
        for (const key of differing) {
          assert.equal(after.get(key), before[index]!.get(key), key);
        }
      }
      // Of two, the wanted side is made the only one.
      for (const key of differing) await Deno.remove(`${members[1]}/${key}`);
      assert.equal((await repair(url)).status, 0);
      const whole = await blobsIn(members[0]!);
      for (const member of members) {
        assert.deepEqual(await blobsIn(member), whole);
      }
    }));
}

Deno.test("a damaged copy of the index is mended from another member, and is no damage where none has it", () =>
  withFolder(async (folder) => {
    const [a, b] = [`${folder}/a`, `${folder}/b`];
    const url = `mirror:file:${a} file:${b}`;
    const disk = await open(url);
    await fill(disk);
    await disk.close();
    const codec = await chooseCodec();
    const bytes = new TextEncoder().encode("what stands in it does not matter");
    const path = `index/${codec.hasher.hash(bytes).toHex()}`;
    codec.close();
    for (const member of [a, b]) {
      await Deno.mkdir(`${member}/index`);
      await Deno.writeFile(`${member}/${path}`, bytes);
    }
    await change(`${b}/${path}`);
    const mended = await repair(url);
    assert.equal(mended.status, 0, mended.text);
    assert.match(mended.text, /Mended index.*file:.*b: it was damaged/);
    assertSame(await Deno.readFile(`${b}/${path}`), bytes);
    for (const member of [a, b]) await change(`${member}/${path}`);
    const { status, text } = await repair(url);
    assert.equal(status, 0, text);
    assert.doesNotMatch(text, /NOT MENDED/);
    assert.ok(text.includes(`${path}: no member has it sound; a copy`), text);
    assert.match(text, /equal but for 1 useless copy of the index/);
    const json = JSON.parse((await repair(url, "--json")).text.trim());
    assert.deepEqual([json.uselessCopies, json.lost], [[path], []]);
    for (const member of [a, b]) await Deno.remove(`${member}/${path}`);
    assert.match((await repair(url)).text, /all members are equal\n/);
  }));

Deno.test("repair tells which blob no member has sound", () =>
  withFolder(async (folder) => {
    const [a, b] = [`${folder}/a`, `${folder}/b`];
    const url = `mirror:file:${a} file:${b}`;
    const disk = await open(url);
    await fill(disk);
    await disk.close();
    const [pack] = keysWith(await blobsIn(a), "packs/");
    for (const member of [a, b]) await change(`${member}/${pack}`);
    const { status, text } = await repair(url);
    assert.equal(status, 20, text);
    assert.ok(
      text.includes(`NOT MENDED ${pack}: no member has it sound`),
      text,
    );
    const { status: other } = await repair(`file:${a}`);
    assert.equal(other, 2);
    const quick = await repair(url, "--quick");
    assert.equal(quick.status, 2);
    assert.match(quick.text, /leave out --quick/);
  }));

Deno.test("a repair of a mirror that ends early tells what it did until then", () =>
  withFolder(async (folder) => {
    const [a, b] = [`${folder}/a`, `${folder}/b`];
    const url = `mirror:file:${a} file:${b}`;
    const disk = await open(url);
    await fill(disk);
    await disk.close();
    const packs = keysWith(await blobsIn(a), "packs/");
    const [first, last] = [packs[0]!, packs.at(-1)!];
    await Deno.remove(`${a}/${first}`);
    // No folder can be made there.
    const obstacle = `${b}/${last.slice(0, last.lastIndexOf("/"))}`;
    await Deno.remove(obstacle, { recursive: true });
    const { success } = await new Deno.Command("mkfifo", { args: [obstacle] })
      .output();
    assert.ok(success);
    const { status, text } = await repair(url);
    assert.equal(status, 1, text);
    assert.match(text, /ENDED EARLY: .*1 copy made.*the rest was not looked/);
    assert.match(text, /error: /);
    assert.ok((await blobsIn(a)).has(first));
    await Deno.remove(obstacle);
    const again = await repair(url);
    assert.equal(again.status, 0, again.text);
    assert.match(again.text, /1 copy made.*all members are equal/);
  }));
