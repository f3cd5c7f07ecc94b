/** The program as a process of its own. */

const MAIN = new URL("../../main.ts", import.meta.url);

/** Deno's own folder, wherever a test puts the caches of plugins. */
export const DENO_DIR: string = Deno.env.get("DENO_DIR") ??
  `${cacheFolder()}/deno`;

/** How it ended. */
export interface MainResult {
  /** Its exit status. */
  readonly code: number;
  /** What it wrote to standard output. */
  readonly stdout: string;
  /** What it wrote to standard error. */
  readonly stderr: string;
}

/** Options of {@link runMain}. */
export interface RunMainOptions {
  /** Flags for `deno run`; `-A` when absent. */
  readonly flags?: readonly string[];
  /** What its environment has beside this process's. */
  readonly env?: Readonly<Record<string, string>>;
  /** It has nothing of this process's environment. */
  readonly clearEnv?: boolean;
}

/** Runs a command to its end. */
export async function runMain(
  args: readonly string[],
  { flags = ["-A"], env = {}, clearEnv = false }: RunMainOptions = {},
): Promise<MainResult> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...flags, MAIN.href, ...args],
    env: { DENO_DIR, NO_COLOR: "1", ...env },
    clearEnv,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

function cacheFolder(): string {
  const home = Deno.env.get("HOME") ?? "/root";
  return Deno.env.get("XDG_CACHE_HOME") ?? `${home}/.cache`;
}
