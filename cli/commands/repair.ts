/**
 * `repair`.
 *
 * @module
 */

import {
  ARCHIVE_OPTIONS,
  archiveChoice,
  type Command,
  defineCommand,
} from "../command.ts";
import { repairFromCopies } from "../verbs/repair.ts";
import { repairMirrorMembers } from "../verbs/repair_mirror.ts";
import { UsageError } from "../usage_error.ts";

/** Mends what is damaged or missing from copies. */
export const repairCommand: Command = defineCommand({
  words: ["repair"],
  usage:
    "--from URL [--from URL...] --store URL [--state DIR] [--quick] [--json] | --store 'mirror:URL URL' [--json]",
  summary:
    "Mend what is damaged or missing from a copy of the archive, or a mirror's members from each other.",
  details:
    `All packs, roots and names are read and verified; what is damaged or missing is
fetched from the first copy that has it sound, verified, and put back with the
bytes it had. Of two copies of a pack that are damaged in different blocks a whole
one is made. What is sound is never replaced, so it can be run again at any time,
also beside a server; only a volume's newest root is not taken beside one. The exit
status is 20 where something could not be mended.

--from URL       a copy, made by copy, cp -r, or the other half of a mirror
--quick          of the packs, read only those whose length differs from the
                 copy's, and those that the last scrub found damaged

A mirror needs no --from: every copy in every member is read and verified, what a
member lacks is copied to it, and what is damaged there is replaced. Where two
sound copies differ that of more than half of the members is right; where there is
none, they are left and listed as a conflict, and the exit status is 1. It is 20
where no member has a blob sound. It can run beside a server.`,
  options: {
    ...ARCHIVE_OPTIONS,
    from: { type: "string", multiple: true },
    quick: { type: "boolean" },
  },
  positionalCountMax: 0,
  async run({ values, output }): Promise<number> {
    const { from, quick = false, ...archive } = values;
    const choice = archiveChoice(archive);
    const isMirror = /^mirror:/i.test(choice.store);
    if (from === undefined && isMirror && !quick) {
      return await repairMirrorMembers(choice, output);
    }
    if (from === undefined && isMirror) {
      throw new UsageError(
        "A mirror is repaired as a whole: leave out --quick, or name the copy with --from URL",
      );
    }
    if (from === undefined) {
      throw new UsageError(
        "No copy: add --from URL, the store that has a copy of the archive",
      );
    }
    return await repairFromCopies(choice, { from, quick }, output);
  },
});
