/** The index is made anew, or all is checked, beside everything else. */

import { codeOf, messageOf, type Run } from "./run.ts";
import { Violation } from "./world.ts";

/** Asks for it; the answer comes while the run goes on. */
export function workOnIndex(run: Run): void {
  const { world, server } = run;
  const sinceMs = world.nowMs;
  const name = world.chance(0.5) ? "check" : "rebuild";
  world.note(name);
  run.later(server.port.operate(name, {}), {
    answered: (result) => {
      world.note(`${name} is done`);
      if (!("faults" in result) || run.wasTroubled(sinceMs)) return;
      const [fault] = result.faults;
      if (fault !== undefined) throw new Violation(`${name}: ${fault}`);
    },
    refused: (error) => {
      world.note(`${name} failed: ${messageOf(error)}`);
      const closed = run.closing && codeOf(error) === "Closed";
      if (closed || run.wasTroubled(sinceMs)) return;
      throw new Violation(`${name} failed: ${messageOf(error)}`);
    },
  });
}
