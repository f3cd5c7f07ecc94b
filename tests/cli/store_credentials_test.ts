import assert from "node:assert/strict";
import { runMain } from "../plugins/main_process.ts";
import { withFolder } from "../temporary_folder.ts";

Deno.test("a store without its credentials is wrong usage, and says which variables to set", () =>
  withFolder(async (folder) => {
    // Nothing of a developer's own keys, and no machine that would give some.
    const env = { HOME: folder, AWS_EC2_METADATA_DISABLED: "true" };
    const cases = [
      ["s3://shelf?endpoint=http://127.0.0.1:9", /Set AWS_ACCESS_KEY_ID/],
      ["azure://account/shelf", /Set AZURE_STORAGE_KEY/],
    ] as const;
    for (const [url, remedy] of cases) {
      const args = ["snapshot", "list", "--store", url];
      const { code, stderr } = await runMain(args, { env, clearEnv: true });
      assert.equal(code, 2, stderr);
      assert.match(stderr, /no credentials were found/);
      assert.match(stderr, remedy);
    }
  }));
