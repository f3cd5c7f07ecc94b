/** A copy of the project in which tests run as they do in the project. */

import { applyPatch, copySources, type Patch } from "../../source_patch.ts";
import { type NamedTest, namePattern } from "../conformance_page.ts";

const ROOT: string = new URL("../../..", import.meta.url).pathname;
const FOLDERS: readonly string[] = [
  "aoe",
  "blobstores",
  "cas",
  "cli",
  "devices",
  "plugins",
  "setup",
  "tests",
];
const FILES: readonly string[] = ["deno.json", "deno.lock"];

/** A test that hangs is one that does not pass. */
const RUN_MS_MAX = 120_000;

/** What became of a test. */
export type Verdict = "ok" | "failed" | "skipped";

/** What a run came to. */
export interface RunOutcome {
  /** By `testKey`. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** Everything that was printed. */
  readonly output: string;
}

/** What tells a test from all others. `file` is from `tests/aoe/`. */
export function testKey(file: string, name: string): string {
  return `${new URL(file, "file:///tests/aoe/").pathname}: ${name}`;
}

/** A copy of the project, removed when disposed of. */
export class SourcesCopy implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Copies everything that tests of the page import. */
  static async create(): Promise<SourcesCopy> {
    const folder = await Deno.makeTempDir({ prefix: "deepshelf-planted-" });
    for (const name of FOLDERS) {
      await copySources(`${ROOT}/${name}`, `${folder}/${name}`);
    }
    for (const name of FILES) {
      await Deno.copyFile(`${ROOT}/${name}`, `${folder}/${name}`);
    }
    return new SourcesCopy(folder);
  }

  /** Runs `tests` with a patch in place, or with none. */
  async run(
    tests: readonly NamedTest[],
    patch: Patch | undefined,
  ): Promise<RunOutcome> {
    const undo = patch === undefined
      ? undefined
      : await applyPatch(this.#folder, patch);
    try {
      return await this.#run(tests);
    } finally {
      await undo?.();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #run(tests: readonly NamedTest[]): Promise<RunOutcome> {
    const files = new Set(tests.map(({ file }) => `tests/aoe/${file}`));
    const names = new Set(tests.map(({ name }) => namePattern(name)));
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "--allow-all", "--no-check", "--reporter=tap"],
        ...["--filter", `/^(?:${[...names].join("|")})$/`],
        ...files,
      ],
      cwd: this.#folder,
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(RUN_MS_MAX),
    }).output();
    const decoder = new TextDecoder();
    const tap = decoder.decode(stdout);
    return {
      verdicts: readTap(tap),
      output: tap + decoder.decode(stderr),
    };
  }
}

/** The verdicts in what `deno test --reporter=tap` prints. */
function readTap(tap: string): Map<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  let file = "";
  for (const line of tap.split("\n")) {
    file = /^# \.\/(.*)$/.exec(line)?.[1] ?? file;
    const [, not, name, skip] =
      /^(not )?ok \d+ - (.*?)( # SKIP)?$/.exec(line) ??
        [];
    if (name === undefined) continue;
    const verdict = skip !== undefined
      ? "skipped"
      : not === undefined
      ? "ok"
      : "failed";
    verdicts.set(testKey(`/${file}`, name), verdict);
  }
  return verdicts;
}
