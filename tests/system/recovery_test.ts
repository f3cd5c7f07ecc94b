/** Each case of docs/recovery.md: what the server does, and that the page's commands mend it. */

import assert from "node:assert/strict";
import { AtaError } from "../../aoe/initiator/errors.ts";
import { run } from "../../setup/run.ts";
import { ExitStatus } from "../../cli/exit_status.ts";
import { assertContent, filesBelow, noise, writeAll } from "./disk_content.ts";
import { refusalWithin } from "./commands.ts";
import { runFromPage } from "./recovery_page.ts";
import { SystemRig, systemTest } from "./rig.ts";

const PART_BYTES: number = 512 * 1024;
const PART_SECTORS: number = PART_BYTES / 512;
const SERVED: readonly string[] = ["1.0=disk"];

/** An archive of two checkpoints, its copy, and what a killed server left in the journal. */
class Case implements AsyncDisposable {
  readonly rig: SystemRig;
  readonly parts: readonly Uint8Array[];

  private constructor(rig: SystemRig, parts: readonly Uint8Array[]) {
    this.rig = rig;
    this.parts = parts;
  }

  /** With a journal where `killed`. */
  static async make({ killed }: { readonly killed: boolean }): Promise<Case> {
    const rig = await SystemRig.create(9000);
    const made = new Case(rig, [0, 1, 2].map(() => noise(PART_BYTES)));
    await made.#write(0, "SIGTERM");
    await made.#write(1, "SIGTERM");
    await run("cp", ["-r", made.archive, made.copy]);
    if (killed) await made.#write(2, "SIGKILL");
    return made;
  }

  get archive(): string {
    return `${this.rig.folder}/archive`;
  }

  get copy(): string {
    return `${this.rig.folder}/copy`;
  }

  get state(): string {
    return `${this.archive}/local`;
  }

  get url(): string {
    return `file:${this.archive}`;
  }

  /** Runs commands of the page, which must succeed. */
  async type(word: string): Promise<string> {
    const { archive, copy } = this;
    const result = await runFromPage(word, { archive, copy });
    assert.ok(result.success, `${word}: ${result.stdout}${result.stderr}`);
    return result.stdout;
  }

  /** Serves, and fails unless the first parts are there, and nothing behind them. */
  async holds(partCount: number): Promise<void> {
    await using server = await this.rig.serve(this.url, SERVED, []);
    using client = await this.rig.attach("1.0");
    for (const [index, part] of this.parts.entries()) {
      const expected = index < partCount ? part : new Uint8Array(PART_BYTES);
      await assertContent(client.target, index * PART_SECTORS, expected);
    }
    await server.end("SIGTERM");
  }

  /** Starting a server fails with this. */
  async refuses(message: RegExp, exitStatus: number): Promise<void> {
    const refusal = await refusalWithin(
      this.rig.namespace,
      ...["serve", "--interface", "server0", "--store", this.url],
      ...["--target", "1.0=disk"],
    );
    assert.match(refusal.message, message);
    assert.equal(refusal.exitStatus, exitStatus);
  }

  async #write(part: number, signal: Deno.Signal): Promise<void> {
    await using server = await this.rig.serve(this.url, ["1.0=disk:4MiB"]);
    using client = await this.rig.attach("1.0");
    await writeAll(client.target, part * PART_SECTORS, this.parts[part]!);
    await server.end(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[at]! ^= 1;
  await Deno.chmod(path, 0o644);
  await Deno.writeFile(path, bytes);
}

/** The pack of the first part: what came later does not need its pointers. */
async function firstPack(archive: string): Promise<string> {
  const packs = await Promise.all(
    (await filesBelow(`${archive}/packs`)).map(async (path) => {
      const { size, mtime } = await Deno.stat(path);
      return { path, size, timeMs: mtime!.getTime() };
    }),
  );
  return packs.filter(({ size }) => size > PART_BYTES / 2)
    .sort((a, b) => a.timeMs - b.timeMs)[0]!.path;
}

systemTest(
  "recovery: without index and caches a server serves, journal and all, and rebuild makes them before it starts",
  async () => {
    await using made = await Case.make({ killed: true });
    await Deno.remove(`${made.state}/index`, { recursive: true });
    await Deno.remove(`${made.state}/heads.json`);
    await made.type("index");
    assert.ok((await filesBelow(`${made.state}/index`)).length > 0);
    for (const name of ["index", "state.json", "lock", "scratch"]) {
      await Deno.remove(`${made.state}/${name}`, { recursive: true });
    }
    await made.holds(3);
  },
);

systemTest(
  "recovery: without the journal, or the whole state folder, the last checkpoint is served",
  async () => {
    await using made = await Case.make({ killed: true });
    await Deno.remove(`${made.state}/journal`, { recursive: true });
    await made.holds(2);
    await Deno.remove(made.state, { recursive: true });
    await made.holds(2);
  },
);

systemTest(
  "recovery: a damaged journal is refused until salvage keeps what is sound",
  async () => {
    for (const word of ["journal-all", "journal-before"]) {
      await using made = await Case.make({ killed: true });
      const segments = await filesBelow(`${made.state}/journal`);
      const path = segments.find((it) => /\d{16}$/.test(it))!;
      // Within the sectors of the first batch.
      await flip(path, 4096 + 600);
      await made.refuses(/salvage/, ExitStatus.Failed);
      const looked = await runFromPage("journal-look", made);
      assert.match(looked.stdout, /LOST: batch/);
      await made.refuses(/salvage/, ExitStatus.Failed);
      await made.type(word);
      const kept = [...Deno.readDirSync(made.state)]
        .filter(({ name }) => name.startsWith("journal.damaged-"));
      assert.equal(kept.length, 1);
      await using server = await made.rig.serve(made.url, SERVED, []);
      using client = await made.rig.attach("1.0");
      await assertContent(client.target, 0, made.parts[0]!);
      await assertContent(client.target, PART_SECTORS, made.parts[1]!);
      const last = made.parts[2]!.subarray(-4096);
      const expected = word === "journal-all" ? last : new Uint8Array(4096);
      await assertContent(client.target, 3 * PART_SECTORS - 8, expected);
      await server.end("SIGTERM");
    }
  },
);

systemTest(
  "recovery: a second server is refused; without a pack all else is served, scrub tells what is missing, and repair mends it beside the server",
  async () => {
    await using made = await Case.make({ killed: false });
    const pack = await firstPack(made.archive);
    const bytes = await Deno.readFile(pack);
    await Deno.remove(pack);
    await using server = await made.rig.serve(made.url, SERVED, []);
    using client = await made.rig.attach("1.0");
    await made.refuses(/held by the server with pid/, ExitStatus.Held);
    const readable: boolean[] = [];
    for (const part of [0, 1]) {
      try {
        await assertContent(
          client.target,
          part * PART_SECTORS,
          made.parts[part]!,
        );
        readable.push(true);
      } catch (error) {
        if (!(error instanceof AtaError)) throw error;
        readable.push(false);
      }
    }
    assert.deepEqual(readable, [false, true]);
    const scrubbed = await runFromPage("scrub", made);
    assert.equal(scrubbed.success, false);
    const name = pack.slice(pack.lastIndexOf("/") + 1);
    assert.match(scrubbed.stdout, new RegExp(`${name}: it is missing`));
    assert.match(scrubbed.stdout, /Volume disk: its present state lacks \d+/);
    assert.match(
      await made.type("pack"),
      new RegExp(`Mended packs/../${name}`),
    );
    assert.deepEqual(await Deno.readFile(pack), bytes);
    for (const part of [0, 1]) {
      await assertContent(
        client.target,
        part * PART_SECTORS,
        made.parts[part]!,
      );
    }
    assert.match(await made.type("scrub"), /: sound/);
    for (const command of ["pack", "mirror"]) {
      await flip(pack, 5000);
      await made.type(command);
      assert.deepEqual(await Deno.readFile(pack), bytes);
    }
    await server.end("SIGTERM");
  },
);

systemTest(
  "recovery: without its newest root a volume is refused until repair gives it back, or the older state is chosen",
  async () => {
    await using made = await Case.make({ killed: false });
    const newest = (await filesBelow(`${made.archive}/roots`)).at(-1)!;
    await Deno.remove(newest);
    await made.refuses(/is missing, though this server/, ExitStatus.Damaged);
    await made.type("root");
    await made.holds(2);
    await flip(newest, 40);
    await made.refuses(/is damaged: its checksum/, ExitStatus.Damaged);
    await made.type("root");
    await made.holds(2);
    await Deno.remove(newest);
    await made.type("root-give-up");
    await made.holds(1);
  },
);

systemTest(
  "recovery: without its format blob an archive is refused until repair makes it again; the copy is an archive, too",
  async () => {
    await using made = await Case.make({ killed: false });
    await Deno.remove(`${made.archive}/format`);
    await made.refuses(/"format" is missing/, ExitStatus.Damaged);
    await made.type("format");
    await made.holds(2);
    await made.type("machine");
    await Deno.remove(made.archive, { recursive: true });
    await Deno.rename(made.copy, made.archive);
    await made.holds(2);
  },
);
