import assert from "node:assert/strict";
import { SystemRig, systemTest } from "../system/rig.ts";
import { hashOf, pluginText } from "./module_server.ts";

systemTest(
  "a server serves a disk from a store of a pinned plugin",
  async () => {
    await using rig = await SystemRig.create(9000);
    const module = `${rig.folder}/plugin.ts`;
    const text = pluginText();
    await Deno.writeTextFile(module, text);
    const serve = (pin: string): ReturnType<SystemRig["serve"]> =>
      rig.serve("toy:x", ["1.0=disk:1MiB"], [
        ...["--create", "--state", `${rig.folder}/state`],
        ...["--plugin", `toy=${module}${pin}`],
      ]);
    await assert.rejects(serve(""), /nothing says which bytes of it may\s+run/);
    const changed = `#sha256=${await hashOf(`${text}//`)}`;
    await assert.rejects(serve(changed), /bytes have changed/);

    await using server = await serve(`#sha256=${await hashOf(text)}`);
    using client = await rig.attach("1.0");
    const written = crypto.getRandomValues(new Uint8Array(4096));
    await client.target.write(16, written);
    assert.deepEqual(
      await client.target.read({ lba: 16, sectorCount: 8 }),
      written,
    );
    await server.end("SIGTERM");
  },
);
