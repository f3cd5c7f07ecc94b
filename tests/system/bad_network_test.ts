import assert from "node:assert/strict";
import { Initiator } from "../../aoe/initiator/initiator.ts";
import { FaultyLink } from "../../aoe/link/faulty.ts";
import { seeded } from "./disk_content.ts";
import { playRandomIo } from "./random_io.ts";
import { SystemRig, systemTest } from "./rig.ts";

/** In each direction. */
const FAULTS = { lossRatio: 0.05, duplicateRatio: 0.05, delayRatio: 0.05 };

for (const mtu of [1500, 9000]) {
  systemTest(
    `random I/O with the whole server over a network that loses, repeats and reorders, MTU ${mtu}`,
    async () => {
      await using rig = await SystemRig.create(mtu);
      await using server = await rig.serve(`file:${rig.folder}/archive`, [
        "1.0=disk:16MiB",
      ]);
      const random = seeded(mtu);
      const link = new FaultyLink(rig.openLink(), { random, ...FAULTS });
      // One that waits long after each loss would take minutes.
      const initiator = new Initiator(link, {
        retransmitMinMs: 20,
        retransmitMaxMs: 100,
        deadlineMs: 60_000,
      });
      using _closing = { [Symbol.dispose]: () => initiator.close() };
      await server.explain(async () => {
        const target = await initiator.attach({ shelf: 1, slot: 0 });
        await playRandomIo({
          target,
          sectorCount: 8192,
          random,
          goesOn: (runCount) => runCount < 700,
          onRound: () => link.loseDelayed(),
        });
      });
      const { lost, duplicated, delayed } = link.faults;
      const all = `${lost} lost, ${duplicated} repeated, ${delayed} overtaken`;
      assert.ok(Math.min(lost, duplicated, delayed) > 50, all);
      assert.equal(initiator.exchange.statistics.timeouts, 0);
      assert.ok(initiator.exchange.statistics.retransmissions >= lost / 2);
      assert.equal((await server.end("SIGTERM")).code, 0);
    },
  );
}
