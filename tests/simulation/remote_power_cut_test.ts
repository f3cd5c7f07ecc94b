/**
 * Power loss with a store that is no part of the machine: slow, at times away,
 * and its answers may be lost after they took effect.
 */

import assert from "node:assert/strict";
import type { BlobStore } from "../../blobstores/blob_store.ts";
import { FaultyStore, randomFaults } from "../../blobstores/faults.ts";
import plugin from "../../blobstores/s3_plugin.ts";
import { quiet, seeded } from "../cas/front/fixtures.ts";
import { S3OverMemory, withoutHold } from "../services/s3_over_memory.ts";
import { ScriptedServer } from "../services/scripted_server.ts";
import { WireFaults } from "../services/wire_faults.ts";
import { type Cut, recordCuts, type Run, verifyCut } from "./power_cuts.ts";

/** Every so many cuts one is verified: without a wire, and with the slow one. */
const CUT_STEP = 5;
const WIRE_CUT_STEP = 25;

for (const seed of [11, 12]) {
  Deno.test(`the archive comes back from power lost with any request failing before or after its effect (seed ${seed})`, async () => {
    const random = seeded(seed);
    let faultCount = 0;
    const wrap = (store: BlobStore): BlobStore => {
      const choose = randomFaults(
        { failBefore: 0.15, failAfter: 0.15, delay: 0.2 },
        random,
      );
      return new FaultyStore(withoutHold(store), {
        choose(operation): ReturnType<typeof choose> {
          const fault = choose(operation);
          if (fault?.code !== undefined) faultCount++;
          return fault;
        },
        sleep: () => new Promise((resolve) => setTimeout(resolve, 0)),
      });
    };
    const run = await recordCuts(seed, wrap);
    assert.ok(run.cuts.length > 150, `${run.cuts.length} cuts`);
    assert.ok(faultCount > 20, `${faultCount} faults while recording`);
    for (let index = 0; index < run.cuts.length; index += CUT_STEP) {
      await verifyCut(run, run.cuts[index]!, wrap);
    }
    // What nobody waits for, such as a note that a server left, ends as well.
    for (let turn = 0; turn < 10; turn++) await quiet();
  });
}

Deno.test("the archive in s3: comes back from power lost with faults on the wire", async () => {
  Deno.env.set("AWS_ACCESS_KEY_ID", "SIMULATED");
  Deno.env.set("AWS_SECRET_ACCESS_KEY", "simulated");
  try {
    const random = seeded(21);
    let faultCount = 0;
    const through = async (
      body: (wrap: (store: BlobStore) => BlobStore) => Promise<void>,
    ): Promise<void> => {
      await using wire = new Wire(random);
      await body(await wire.opened());
      faultCount += wire.faultCount;
    };
    let run: Run | undefined;
    await through(async (wrap) => {
      run = await recordCuts(21, wrap);
    });
    assert.ok(faultCount > 20, `${faultCount} faults while recording`);
    const cuts: Cut[] = run!.cuts.filter((_, index) =>
      index % WIRE_CUT_STEP === 0
    );
    assert.ok(cuts.length > 4, `${cuts.length} cuts`);
    for (const cut of cuts) {
      await through((wrap) => verifyCut(run!, cut, wrap));
    }
  } finally {
    Deno.env.delete("AWS_ACCESS_KEY_ID");
    Deno.env.delete("AWS_SECRET_ACCESS_KEY");
  }
});

/** An S3 service over the store that it is given, and our own client's store. */
class Wire implements AsyncDisposable {
  readonly #random: () => number;
  readonly #server: ScriptedServer = new ScriptedServer(() => "hang up");
  #faults: WireFaults | undefined;
  #client: BlobStore | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  get faultCount(): number {
    return this.#faults?.count ?? 0;
  }

  /** Opens the client's store; gives what puts the wire before a store. */
  async opened(): Promise<(store: BlobStore) => BlobStore> {
    // The opening finds create-if-absent; a probe of its own, in no archive.
    this.#server.script = ({ method }) => ({
      status: method === "PUT" ? 412 : 200,
    });
    const url = `s3://shelf?endpoint=${this.#server.address}`;
    const client = await plugin.open(url, { create: true }, {});
    this.#client = client;
    return (store) => {
      const service = new S3OverMemory(store);
      const faults = new WireFaults(
        (request) => service.answer(request),
        { before: 0.1, after: 0.1, truncated: 0.1, slow: 0.1, slowMsMax: 5 },
        this.#random,
      );
      this.#faults = faults;
      this.#server.script = (request) => faults.answer(request);
      return client;
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.close();
    await this.#server[Symbol.asyncDispose]();
  }
}
