import assert from "node:assert/strict";
import {
  callControl,
  ControlError,
  controlSocketPath,
  serveControl,
} from "../../cli/serving/control.ts";

Deno.test("the control socket carries requests, results and refusals", async () => {
  const folder = await Deno.makeTempDir();
  const path = controlSocketPath(folder, "0".repeat(32));
  assert.equal(await callControl(path, { verb: "ping" }), undefined);
  const server = serveControl(path, (request) => {
    if (request.verb === "refuse") {
      return Promise.reject(
        Object.assign(new Error("no, try x"), { code: "NameTaken" }),
      );
    }
    return Promise.resolve({ echo: request["word"] });
  });
  try {
    const long = "ä".repeat(100_000);
    const [first, second] = await Promise.all([
      callControl(path, { verb: "echo", word: long }),
      callControl(path, { verb: "echo", word: 7 }),
    ]);
    assert.deepEqual(first, { result: { echo: long } });
    assert.deepEqual(second, { result: { echo: 7 } });
    await assert.rejects(
      callControl(path, { verb: "refuse" }),
      (error) =>
        error instanceof ControlError && error.code === "NameTaken" &&
        error.message === "no, try x",
    );
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  } finally {
    server.close();
  }
  assert.equal(await callControl(path, { verb: "ping" }), undefined);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a server takes over the socket that a killed one left", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/control.sock`;
  await Deno.writeTextFile(path, "");
  const server = serveControl(path, () => Promise.resolve("here"));
  assert.deepEqual(await callControl(path, { verb: "ping" }), {
    result: "here",
  });
  server.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("controlSocketPath() keeps within the length of a socket's path", () => {
  const path = controlSocketPath(`/${"long/".repeat(40)}`, "ab".repeat(16));
  assert.ok(path.length <= 100, path);
});
