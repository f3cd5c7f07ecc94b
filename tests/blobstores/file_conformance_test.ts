import { testBlobStore } from "../../blobstores/conformance.ts";
import { openFileStore } from "../../blobstores/file_store.ts";
import { SimulatedDisk } from "./simulated_disk.ts";

testBlobStore("file", async () => {
  const path = await Deno.makeTempDir({ prefix: "deepshelf-" });
  return {
    open: () => openFileStore({ path, create: false }),
    remove: () => Deno.remove(path, { recursive: true }),
  };
});

testBlobStore("file without links", () => {
  const disk = new SimulatedDisk();
  disk.links = false;
  const path = "/archive";
  return Promise.resolve({
    open: () => openFileStore({ path, disk, create: true }),
  });
});
