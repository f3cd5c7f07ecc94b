/** The program as a process of its own. */

const MAIN = new URL("../../main.ts", import.meta.url);

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
  /** All of its environment, but where Deno keeps what it has compiled. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end. */
export async function runMain(
  args: readonly string[],
  { flags = ["-A"], env = {} }: RunMainOptions = {},
): Promise<MainResult> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...flags, MAIN.href, ...args],
    clearEnv: true,
    env: { ...denoFolders(), NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Lets the process find packages that are there already, without a HOME. */
function denoFolders(): Record<string, string> {
  const home = Deno.env.get("HOME") ?? "/";
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${home}/.cache`;
  const folder = Deno.env.get("DENO_DIR") ?? `${cache}/deno`;
  return { DENO_DIR: folder, DENO_NO_UPDATE_CHECK: "1" };
}
