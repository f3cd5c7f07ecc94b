/** A copy of the program whose lock file a test may change, with a cache of its own. */

import { DENO_DIR, type MainResult } from "./main_process.ts";

const PROGRAM: string = new URL("../../", import.meta.url).pathname;

const PARTS: readonly string[] = [
  ...["aoe", "blobstores", "cas", "cli", "devices", "plugins", "setup"],
  ...["main.ts", "deno.json", "deno.lock"],
];

/** Runs a program to its end. */
async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd?: string,
): Promise<MainResult> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
    stdin: "null",
    ...(cwd === undefined ? {} : { cwd }),
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Gives a copy the packages that its lock file names, so that it needs no network. */
async function linkPackages({ lockPath, denoDir }: ProgramCopy): Promise<void> {
  const { npm } = JSON.parse(await Deno.readTextFile(lockPath));
  const ids = Object.keys(npm);
  const names = new Set(ids.map((id) => id.slice(0, id.indexOf("@", 1))));
  const folders: string[] = [];
  for await (const registry of Deno.readDir(`${DENO_DIR}/npm`)) {
    for (const name of names) {
      const folder = `npm/${registry.name}/${name}`;
      const isThere = await Deno.stat(`${DENO_DIR}/${folder}`)
        .then(() => true, () => false);
      if (isThere) folders.push(folder);
    }
  }
  const copy = (how: string): Promise<MainResult> =>
    run("cp", [how, "--parents", ...folders, denoDir], {}, DENO_DIR);
  // Links cannot lead to another file system.
  if ((await copy("-al")).code !== 0) await copy("-a");
}

/** The program in a folder of its own. */
export class ProgramCopy {
  /** Where it is. */
  readonly path: string;
  /** Deno's folder for it: what its own packages need is there, and nothing else. */
  readonly denoDir: string;
  readonly #tools: string;

  private constructor(folder: string) {
    this.path = `${folder}/program`;
    this.denoDir = `${folder}/deno`;
    this.#tools = `${folder}/tools`;
  }

  /** Copies it below `folder`. */
  static async make(folder: string): Promise<ProgramCopy> {
    const copy = new ProgramCopy(folder);
    await Deno.mkdir(copy.path);
    const sources = PARTS.map((name) => `${PROGRAM}${name}`);
    await run("cp", ["-r", ...sources, copy.path], {});
    await Deno.mkdir(copy.denoDir);
    await linkPackages(copy);
    await Deno.mkdir(copy.#tools);
    await Deno.symlink(Deno.execPath(), `${copy.#tools}/deno`);
    return copy;
  }

  /** Its lock file. */
  get lockPath(): string {
    return `${this.path}/deno.lock`;
  }

  /** Runs a command of it, from another folder. */
  main(
    args: readonly string[],
    flags: readonly string[] = ["-A"],
  ): Promise<MainResult> {
    const main = `${this.path}/main.ts`;
    return run(Deno.execPath(), ["run", "--quiet", ...flags, main, ...args], {
      DENO_DIR: this.denoDir,
    });
  }

  /** Types a line into a shell. */
  shell(line: string): Promise<MainResult> {
    const env = {
      DENO_DIR: this.denoDir,
      PATH: `${this.#tools}:${Deno.env.get("PATH")}`,
    };
    return run("sh", ["-c", line], env);
  }
}
