/** What clients and people do to disks and volumes, checked as they do it. */

import { Content, stampsIn, VolumeModel } from "./model.ts";
import { codeOf, messageOf, type Run } from "./run.ts";
import { Violation } from "./world.ts";

const VOLUMES_MAX = 5;
const SECTORS = 8;

/** Opens the head of a volume and looks at all of it. */
export async function openVolume(run: Run, volume: VolumeModel): Promise<void> {
  const { server } = run;
  const what = `volume ${volume.name}`;
  let disk;
  try {
    disk = await run.settle(
      server.front.openVolume({ volume: volume.name }, { flushRemote: true }),
      `opening ${what}`,
    );
  } catch (error) {
    if (error instanceof Violation) throw error;
    if (!run.troubled) {
      throw new Violation(`${what} cannot be opened: ${messageOf(error)}`);
    }
    run.world.note(`${what} is refused: ${messageOf(error)}`);
    return;
  }
  const pending: { ticket: number; acknowledge: () => void; atMs: number }[] =
    [];
  tickets.set(disk, pending);
  disk.onSettled((through, ok) => {
    run.world.note(`${what} settled ${through} ${ok}`);
    if (run.server !== server) {
      if (ok) run.fail(`A superseded server acknowledged a write to ${what}`);
      return;
    }
    while (pending.length > 0 && pending[0]!.ticket <= through) {
      const { acknowledge, atMs } = pending.shift()!;
      if (ok) acknowledge();
      else if (!run.wasTroubled(atMs)) {
        run.fail(`A write to ${what} failed on a sound disk`);
      }
    }
  });
  const content = volume.possible(run.loss);
  if (!await run.check(disk, content, what)) return;
  volume.found(content);
  server.disks.set(volume.name, disk);
}

const tickets = new WeakMap<
  object,
  { ticket: number; acknowledge: () => void; atMs: number }[]
>();

/** Writes some sectors of an open volume; its ticket, 0 where there was no room. */
export function write(run: Run, volume: VolumeModel): number {
  const { world } = run;
  const disk = run.disk(volume);
  const whole = world.chance(0.4);
  const length = world.chance(0.2) ? 64 : 12;
  let sectorCount = Math.min(1 + world.below(length), volume.sectorCount);
  let lba = world.below(volume.sectorCount - sectorCount + 1);
  if (whole) {
    lba -= lba % SECTORS;
    sectorCount = Math.min(
      Math.ceil(sectorCount / SECTORS) * SECTORS,
      volume.sectorCount - lba,
    );
  }
  const kind = world.random();
  const stamp = kind < 0.08
    ? 0
    : kind < 0.2
    ? 1 + world.below(6)
    : run.nextStamp();
  const bytes = new Uint8Array(sectorCount * 512);
  new Uint32Array(bytes.buffer).fill(stamp);
  const ticket = disk.write({ lba, sectorCount }, bytes, 0);
  bytes.fill(0xee);
  world.note(`write ${volume.name} ${lba}+${sectorCount} ${stamp}: ${ticket}`);
  if (ticket === 0) return 0;
  tickets.get(disk)!.push({
    ticket,
    acknowledge: volume.write(lba, sectorCount, stamp),
    atMs: world.nowMs,
  });
  return ticket;
}

/** Reads some sectors of an open volume, at once or later. */
export function read(run: Run, volume: VolumeModel): void {
  const { world } = run;
  const disk = run.disk(volume);
  const sectorCount = Math.min(1 + world.below(40), volume.sectorCount);
  const lba = world.below(volume.sectorCount - sectorCount + 1);
  const bytes = new Uint8Array(sectorCount * 512);
  const capture = volume.capture();
  const what = `a read of volume ${volume.name}`;
  world.note(`${what} ${lba}+${sectorCount}`);
  const range = { lba, sectorCount };
  if (world.chance(0.5) && disk.readNow(range, bytes, 0)) {
    volume.checkRead(lba, stampsIn(bytes), capture, what);
    return;
  }
  const sinceMs = world.nowMs;
  run.later(disk.read(range, bytes, 0), {
    answered: () => {
      world.note(`${what} ${lba}+${sectorCount} is answered`);
      volume.checkRead(lba, stampsIn(bytes), capture, what);
    },
    refused: (error) => {
      world.note(`${what} failed: ${messageOf(error)}`);
      const closed = run.closing && codeOf(error) === "Closed";
      if (closed || run.wasTroubled(sinceMs)) return;
      throw new Violation(`${what} failed: ${messageOf(error)}`);
    },
  });
}

/** Takes all writes into the archive. */
export function checkpoint(run: Run): void {
  const captured = run.open().map((volume) => ({
    volume,
    capture: volume.capture(),
  }));
  const sinceMs = run.world.nowMs;
  run.world.note("checkpoint");
  run.later(run.server.front.checkpoint(), {
    answered: () => {
      run.world.note("checkpoint is done");
      // What lies over damage stays in the journal.
      if (run.wasTroubled(sinceMs)) return;
      for (const { volume, capture } of captured) volume.archived(capture);
    },
    refused: (error) => {
      if (!run.closing) throw error;
    },
  });
}

/** Asks for all writes to a volume to be in the store: that is answered only when they are. */
export function flush(run: Run, volume: VolumeModel): void {
  const { world, server } = run;
  const capture = volume.capture();
  world.note(`flush ${volume.name}`);
  server.disks.get(volume.name)!.flush!().then(() => {
    if (run.server !== server || !server.process.alive) return;
    world.note(`flush ${volume.name} is answered`);
    volume.archived(capture);
  }, () => world.note(`flush ${volume.name} is given up`));
}

/** Names the state of an open volume. */
export function snapshot(run: Run, volume: VolumeModel): void {
  const { world, server } = run;
  const known = [...volume.snapshots].filter(([, { sure }]) => sure);
  const taken = world.chance(0.05) && known.length > 0;
  const name = taken ? world.oneOf(known)[0] : `s${run.nextStamp()}`;
  const capture = volume.capture();
  const sinceMs = world.nowMs;
  world.note(`snapshot ${volume.name} ${name}`);
  function made(sure: boolean): void {
    if (taken) return;
    volume.snapshots.set(name, { content: volume.sinceGrowing(capture), sure });
  }
  run.later(server.front.snapshot(volume.name, name), {
    answered: () => {
      world.note(`snapshot ${name} is made`);
      if (taken) throw new Violation(`snapshot ${name} was made twice`);
      made(true);
    },
    refused: (error) => {
      world.note(`snapshot ${name} failed: ${messageOf(error)}`);
      if (taken && codeOf(error) === "NameTaken") return;
      if (!run.closing && !run.wasTroubled(sinceMs)) {
        throw new Violation(`snapshot ${name} failed: ${messageOf(error)}`);
      }
      made(false);
    },
    unanswered: () => made(false),
  });
}

/** Looks at a snapshot, by its name or by its root. */
export async function readSnapshot(
  run: Run,
  volume: VolumeModel,
  name: string,
): Promise<void> {
  const { server, world } = run;
  const model = volume.snapshots.get(name)!;
  const what = `snapshot ${name} of volume ${volume.name}`;
  let disk;
  try {
    disk = await run.settle(
      server.front.openVolume({ volume: volume.name, snapshot: name }),
      `opening ${what}`,
    );
  } catch (error) {
    if (error instanceof Violation) throw error;
    world.note(`${what}: ${messageOf(error)}`);
    if (!model.sure && codeOf(error) === "NoSnapshot") {
      volume.snapshots.delete(name);
    } else if (!run.troubled) {
      throw new Violation(`${what} cannot be opened: ${messageOf(error)}`);
    }
    return;
  }
  model.sure = true;
  await run.check(disk, model.content, what);
}

/** Makes a volume of zeros, or a clone of a state. */
export async function create(run: Run): Promise<void> {
  const { world, server } = run;
  if (run.volumes.length >= VOLUMES_MAX) return;
  const name = `v${run.nextStamp()}`;
  const sources = run.shown().filter(({ sure }) => sure);
  let content: Content;
  let made: Promise<unknown>;
  if (sources.length === 0 || world.chance(0.4)) {
    const blockCount = world.chance(0.25)
      ? 129 + world.below(12)
      : 3 + world.below(24);
    content = new Content(
      Array.from({ length: blockCount * SECTORS }, () => [0]),
    );
    made = server.port.operate("volume create", { volume: name, blockCount });
  } else {
    const volume = world.oneOf(sources);
    const named = [...volume.snapshots].filter(([, { sure, content }]) =>
      sure && content.isSized
    );
    const [snapshot, model] = named.length > 0 && world.chance(0.7)
      ? world.oneOf(named)
      : [];
    content = model?.content ?? volume.possible("journal");
    const source = snapshot === undefined
      ? { volume: volume.name }
      : { volume: volume.name, snapshot };
    made = server.port.operate("clone", { source, volume: name });
    world.note(`clone ${volume.name} ${snapshot ?? ""} as ${name}`);
  }
  const apply = (): void => {
    run.volumes.push(new VolumeModel(name, content));
  };
  await change(run, made, {
    what: `the making of ${name}`,
    apply,
    wasMade: async ({ port }) =>
      (await port.operate("volume list", {})).some((it) => it.volume === name),
  });
}

/** Makes a volume larger. */
export async function grow(run: Run, volume: VolumeModel): Promise<void> {
  const { world, server } = run;
  const before = volume.sectorCount / SECTORS;
  if (before > 300) return;
  const blockCount = before + 1 + world.below(world.chance(0.3) ? 130 : 8);
  volume.askToGrow(blockCount * SECTORS);
  await change(
    run,
    server.port.operate("volume grow", { volume: volume.name, blockCount }),
    {
      what: `${volume.name} growing to ${blockCount}`,
      apply: () => {
        server.front.grown(volume.name, blockCount);
        volume.grow(blockCount * SECTORS);
      },
      wasMade: async ({ port }) =>
        (await port.operate("state", { state: { volume: volume.name } }))
          .blockCount === blockCount,
    },
  );
}

/** Ends an action in the middle: the server dies now. */
export class Interruption extends Error {}

/** A change that is one root. */
export async function change(
  run: Run,
  asked: Promise<unknown>,
  pending: Run["pendingChanges"][number],
): Promise<boolean> {
  const { world } = run;
  const sinceMs = world.nowMs;
  world.note(pending.what);
  run.pendingChanges.push(pending);
  if (world.chance(0.15)) {
    asked.catch(() => {});
    await world.steps(world.below(25));
    throw new Interruption();
  }
  try {
    await run.settle(asked, pending.what);
  } catch (error) {
    if (error instanceof Violation) throw error;
    world.note(`${pending.what} failed: ${messageOf(error)}`);
    if (!run.wasTroubled(sinceMs)) {
      throw new Violation(`${pending.what} failed: ${messageOf(error)}`);
    }
    // It stays pending: whether it was made is seen at the next start.
    return false;
  }
  run.pendingChanges = run.pendingChanges.filter((it) => it !== pending);
  pending.apply();
  return true;
}
