import assert from "node:assert/strict";
import { withFolder } from "../temporary_folder.ts";
import { lockedPackage } from "../../plugins/package_lock.ts";
import { PluginLoader } from "../../plugins/loader.ts";
import type { MainResult } from "./main_process.ts";
import { PACKAGE_NAME, PackageRegistry } from "./package_registry.ts";
import { ProgramCopy } from "./program_copy.ts";

const MODULE = `npm:${PACKAGE_NAME}@1.2.3`;

/** A plugin as it is published: JavaScript. */
const TEXT = `
function failure() {
  return Object.assign(new Error("none"), { code: "NotFound" });
}
const store = {
  display: "toy:here",
  capabilities: { createExclusive: true, hold: false, concurrencyMax: 4 },
  async put() {},
  async get() { throw failure(); },
  async head() { return null; },
  async *list() {},
  async close() {},
};
export default { apiVersion: 1, schemes: ["toy"], open: async () => store };
`;

const USE = ["snapshot", "list", "--store", "toy:x"];
const ALLOWED = [...USE, "--plugin", `toy=${MODULE}`];

/** The store is open: it has no archive, which it names itself. */
function assertLoaded({ code, stderr }: MainResult): void {
  assert.equal(code, 10, stderr);
  assert.match(stderr, /no archive in toy:here/);
}

/** The shell line in a message. */
function lineOf({ code, stderr }: MainResult): string {
  assert.equal(code, 2, stderr);
  const [line] = /^cd .* && deno cache .*$/m.exec(stderr) ?? [];
  assert.ok(line, stderr);
  return line;
}

Deno.test("a package runs only where the lock file of the program pins it, and as pinned", (t) =>
  withFolder(async (folder) => {
    await using registry = new PackageRegistry(TEXT);
    const copy = await ProgramCopy.make(folder);
    await Deno.writeTextFile(`${copy.path}/.npmrc`, registry.npmrc);
    const before = await Deno.readTextFile(copy.lockPath);

    await t.step("unpinned it is refused with the line to type", async () => {
      const refused = await copy.main(ALLOWED);
      assert.match(refused.stderr, /deno\.lock does not pin it/);
      const line = lineOf(refused);
      assert.equal(await Deno.readTextFile(copy.lockPath), before);
      assert.deepEqual(registry.requests, []);
      const added = await copy.main(["plugin", "add", MODULE]);
      assert.equal(lineOf(added), line);
      const typed = await copy.shell(line);
      assert.equal(typed.code, 0, typed.stderr);
    });
    const pinned = await Deno.readTextFile(copy.lockPath);
    const integrity = JSON.parse(pinned).npm[`${PACKAGE_NAME}@1.2.3`].integrity;

    await t.step("pinned it loads, and needs no permission", async () => {
      assertLoaded(await copy.main(ALLOWED));
      const read = `--allow-read=${copy.lockPath}`;
      assertLoaded(await copy.main(ALLOWED, ["--no-prompt", read]));
      const blind = await copy.main(ALLOWED, ["--no-prompt"]);
      assert.match(blind.stderr, /read access to .*deno\.lock/);
    });

    await t.step("plugin add, list and verify know it", async () => {
      const config = `${folder}/config.toml`;
      const write = ["--config", config, "--write"];
      const added = await copy.main(["plugin", "add", MODULE, ...write]);
      assert.equal(added.code, 0, added.stderr);
      for (const part of [integrity, "toy:", "Packages 1,"]) {
        assert.ok(added.stdout.includes(part), `${part} in ${added.stdout}`);
      }
      const listed = await copy.main(["plugin", "list", "--config", config]);
      assert.ok(
        listed.stdout.includes(
          `toy:  ${MODULE}, ${integrity} in the lock file\n`,
        ),
        listed.stdout,
      );
      const verified = await copy.main([
        ...["plugin", "verify", "--config", config, "--json"],
      ]);
      assert.equal(verified.code, 0, verified.stderr);
      assert.deepEqual(JSON.parse(verified.stdout), {
        scheme: "toy",
        module: MODULE,
        ok: true,
      });
      assertLoaded(await copy.main([...USE, "--config", config]));
    });

    await t.step(
      "no lock file in force, or another: it is refused",
      async () => {
        await Deno.writeTextFile(`${folder}/other.lock`, before);
        for (const flag of ["--no-lock", `--lock=${folder}/other.lock`]) {
          const { code, stderr } = await copy.main(ALLOWED, ["-A", flag]);
          assert.equal(code, 2, stderr);
          assert.match(stderr, /does not hold to .*deno\.lock.*--no-lock/);
        }
      },
    );

    const verify = (): Promise<MainResult> =>
      copy.main(["plugin", "verify", "--plugin", `toy=${MODULE}`]);
    const kept = `${copy.denoDir}/npm/${
      new URL(registry.npmrc.split("=")[1]!.trim()).port
    }`;

    await t.step(
      "what was changed here after the download is found",
      async () => {
        const path = `${kept}/${PACKAGE_NAME}/1.2.3/store.js`;
        await Deno.writeTextFile(path, `${TEXT}// changed`);
        const { code, stdout } = await verify();
        assert.equal(code, 1);
        assert.match(stdout, /not what the lock file pins: .*store\.js/);
        await Deno.writeTextFile(path, TEXT);
        assert.equal((await verify()).code, 0);
      },
    );

    await t.step("other bytes of the same version are refused", async () => {
      registry.text = `${TEXT}// changed`;
      const found = await verify();
      assert.equal(found.code, 1);
      assert.match(found.stdout, /checksum did not match/);
      assertLoaded(await copy.main(ALLOWED));
      await Deno.remove(kept, { recursive: true });
      // Deno itself, before the program starts.
      const changed = await copy.main(ALLOWED);
      assert.equal(changed.code, 1, changed.stderr);
      assert.match(changed.stderr, /checksum did not match/);
      registry.text = TEXT;
      assertLoaded(await copy.main(ALLOWED));
      assert.equal(await Deno.readTextFile(copy.lockPath), pinned);
    });

    await t.step("a pin without a hash is none", async () => {
      await Deno.writeTextFile(
        copy.lockPath,
        pinned.replace(`"integrity": "${integrity}",`, ""),
      );
      const { code, stderr } = await copy.main(ALLOWED);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /has no SHA-512 of @toys\/plugin@1\.2\.3/);
    });
  }));

Deno.test("a package is named by one version, and pinned by the lock file alone", async () => {
  const load = (module: string, sha256?: string): Promise<unknown> =>
    new PluginLoader().load({
      scheme: "toy",
      module,
      ...(sha256 === undefined ? {} : { sha256 }),
    });
  for (const name of ["toy", "toy@^1.2.3", "toy@latest", "toy@1.2.3/inner"]) {
    await assert.rejects(load(`npm:${name}`), /npm:NAME@1\.2\.3/);
  }
  await assert.rejects(load(MODULE, "0".repeat(64)), /Leave out the hash/);
  await assert.rejects(load(MODULE), /deno\.lock does not pin it/);
});

Deno.test("a package is pinned with all that it depends on, by whatever name", () => {
  const integrity = `sha512-${"A".repeat(86)}==`;
  const lock = (inner: object): string =>
    JSON.stringify({
      version: "5",
      specifiers: { [MODULE]: "1.2.3_peer@1.0.0", "npm:own@1.0.0": "1.0.0" },
      npm: {
        "@toys/plugin@1.2.3_peer@1.0.0": {
          integrity,
          dependencies: ["one", "two@2.0.0", "alias@npm:@three/real@3.0.0"],
        },
        "one@1.0.0": { integrity, optionalDependencies: ["four"] },
        "two@1.0.0": {},
        "two@2.0.0": { integrity, dependencies: ["one"] },
        "@three/real@3.0.0": { integrity },
        "own@1.0.0": {},
        ...inner,
      },
    });
  const four = { "four@4.0.0": { integrity } };
  const found = lockedPackage(MODULE, lock(four));
  assert.ok(!("fault" in found), JSON.stringify(found));
  assert.equal(found.packageCount, 5);
  const { specifiers, npm } = JSON.parse(found.lockText);
  assert.deepEqual(Object.keys(specifiers), [MODULE]);
  assert.ok(!("own@1.0.0" in npm));
  const faults = [
    [lock({}), /no entry for four/],
    [lock({ "four@4.0.0": {} }), /no SHA-512 of four@4\.0\.0/],
    [lock({ "four@4.0.0": { integrity: "sha1-x" } }), /no SHA-512 of four/],
    ["{}", /does not pin it/],
    ["{", /cannot be read/],
  ] as const;
  for (const [text, message] of faults) {
    const found = lockedPackage(MODULE, text);
    assert.ok("fault" in found);
    assert.match(found.fault, message);
  }
});
