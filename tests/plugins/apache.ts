/** Apache as a WebDAV server on loopback, for tests: no service, its own folder. */

import { findProgram } from "../../setup/requirements.ts";
import { answers, freePort, Program } from "../../setup/services/process.ts";

const MODULE_FOLDERS = ["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"];

const MODULES = [
  "mpm_event",
  "authn_core",
  "authn_file",
  "authz_core",
  "authz_user",
  "auth_basic",
  "dav",
  "dav_fs",
];

/** Who may log in to a server that asks for it. */
export const USER = "shelf";
/** The password of {@link USER}. */
export const PASSWORD = "open sesame / %21";

/** What keeps this machine from running Apache, and what to type. */
export function apacheObstacle(): string | undefined {
  return findApache() === undefined || moduleFolder() === undefined
    ? "no Apache with mod_dav: as root: apt-get install --no-install-recommends apache2-bin"
    : undefined;
}

/** A running server; disposing it ends it and removes its folder. */
export class Apache implements AsyncDisposable {
  /** Its host and port. */
  readonly host: string;
  /** The folder that it serves. */
  readonly folder: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    host: string,
    home: string,
    stack: AsyncDisposableStack,
  ) {
    this.host = host;
    this.folder = `${home}/root`;
    this.#stack = stack;
  }

  /** Starts a server, which asks {@link USER} for a password if told to. */
  static async start(
    { login = false, locks = true }: {
      readonly login?: boolean;
      readonly locks?: boolean;
    } = {},
  ): Promise<Apache> {
    await using stack = new AsyncDisposableStack();
    const home = await Deno.makeTempDir({ prefix: "deepshelf-apache-" });
    stack.defer(() => Deno.remove(home, { recursive: true }));
    // The server's workers may be of another user.
    await Deno.chmod(home, 0o755);
    for (const name of ["root", "locks"]) {
      await Deno.mkdir(`${home}/${name}`);
      await Deno.chmod(`${home}/${name}`, 0o777);
    }
    const port = freePort();
    await Deno.writeTextFile(`${home}/users`, await userLine());
    await Deno.writeTextFile(
      `${home}/httpd.conf`,
      configuration(home, { port, login, locks }),
    );
    const program = stack.use(
      Program.start(
        [
          findApache()!,
          ...["-d", home, "-f", `${home}/httpd.conf`, "-D", "FOREGROUND"],
        ],
        { logPath: `${home}/error.log` },
      ),
    );
    const host = `127.0.0.1:${port}`;
    await program.waitUntil("Apache", () => answers(`http://${host}`));
    return new Apache(host, home, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

function configuration(
  home: string,
  { port, login, locks }: { port: number; login: boolean; locks: boolean },
): string {
  const modules = MODULES.map((name) =>
    `LoadModule ${name}_module ${moduleFolder()}/mod_${name}.so`
  );
  // Apache refuses to be root.
  const user = Deno.uid() === 0 ? ["User nobody", "Group nogroup"] : [];
  const access = login
    ? ["AuthType Basic", "AuthName shelf", `AuthUserFile ${home}/users`]
      .concat("Require valid-user")
    : [];
  return [
    ...modules,
    ...user,
    "ServerName 127.0.0.1",
    `Listen 127.0.0.1:${port}`,
    `PidFile ${home}/pid`,
    `ErrorLog ${home}/error.log`,
    "StartServers 2",
    `DocumentRoot ${home}/root`,
    `DavLockDB ${home}/locks/db`,
    `<Directory ${home}/root>`,
    "Dav On",
    ...access,
    ...(locks ? [] : ["<Limit LOCK>", "Require all denied", "</Limit>"]),
    "</Directory>",
    "",
  ].join("\n");
}

/** A line of a password file, in the form "{SHA}". */
async function userLine(): Promise<string> {
  const bytes = new TextEncoder().encode(PASSWORD);
  const digest = await crypto.subtle.digest("SHA-1", bytes);
  return `${USER}:{SHA}${new Uint8Array(digest).toBase64()}\n`;
}

function findApache(): string | undefined {
  return findProgram("apache2") ?? findProgram("httpd");
}

function moduleFolder(): string | undefined {
  return MODULE_FOLDERS.find((folder) => {
    try {
      return Deno.statSync(`${folder}/mod_dav_fs.so`).isFile;
    } catch {
      return false;
    }
  });
}
