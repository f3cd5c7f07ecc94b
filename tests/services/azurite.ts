/** Azurite: Microsoft's own stand-in for Azure Blob Storage, from npm. */

import { answers, freePort, Program } from "../../setup/services/process.ts";

const PACKAGE = "npm:azurite@3.37.0/azurite-blob";

/** A running Azurite; disposing it ends it. */
export interface Azurite extends AsyncDisposable {
  /** The account's address: `http://127.0.0.1:…/ACCOUNT`. */
  readonly endpoint: string;
  /** The account. */
  readonly account: string;
  /** Its key: published, and the same in every Azurite. */
  readonly accountKey: string;
}

/** The account's key, which nothing may show. */
export const AZURITE_KEY: string =
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6" +
  "tq/K1SZFPTOtr/KBHBeksoGMGw==";

const ACCOUNT = { account: "devstoreaccount1", accountKey: AZURITE_KEY };

/** Starts Azurite, which keeps everything in memory. */
export async function startAzurite(): Promise<Azurite> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "deepshelf-azurite-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const port = freePort();
  const address = `http://127.0.0.1:${port}`;
  const command = [
    ...[Deno.execPath(), "run", "-A", "--no-config", "--no-lock", PACKAGE],
    ...["--blobHost", "127.0.0.1", "--blobPort", `${port}`],
    ...["--inMemoryPersistence", "--disableTelemetry", "--silent"],
    // The SDK may be a month ahead of it.
    "--skipApiVersionCheck",
  ];
  const program = stack.use(
    Program.start(command, { logPath: `${folder}/log`, cwd: folder }),
  );
  await program.waitUntil("Azurite", () => answers(address));
  const kept = stack.move();
  return {
    endpoint: `${address}/${ACCOUNT.account}`,
    ...ACCOUNT,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
