/**
 * What the members of a mirror have together.
 *
 * @module
 */

import {
  type BlobDescription,
  BlobError,
  type ListOptions,
} from "../blob_store.ts";
import { compareKeys } from "../operation.ts";
import { mayDeny, type MirrorMember } from "./mirror_member.ts";

/** A key, and who has it. */
export interface MirrorEntry extends BlobDescription {
  /** Length at each member that has it. */
  readonly sizes: ReadonlyMap<MirrorMember, number>;
}

interface Cursor {
  readonly member: MirrorMember;
  readonly blobs: AsyncIterator<BlobDescription>;
  head: BlobDescription | undefined;
}

/**
 * All keys that begin with `prefix`, ascending, with who has them. A member
 * that fails is left out, and told to `left`; when the others are no quorum, an
 * error comes instead of an entry, and nothing more.
 */
export async function* listUnion(
  members: readonly MirrorMember[],
  prefix: string,
  options: ListOptions = {},
  left: (member: MirrorMember) => void = () => {},
): AsyncGenerator<MirrorEntry | BlobError, void, undefined> {
  let cursors: Cursor[] = members.map((member) => ({
    member,
    blobs: listOf(member, prefix, options),
    head: undefined,
  }));
  const faults: string[] = [];
  async function advance(cursor: Cursor): Promise<void> {
    try {
      const step = await cursor.member.ask(() => cursor.blobs.next());
      cursor.head = step.done === true ? undefined : step.value;
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
      cursors = cursors.filter((it) => it !== cursor);
      left(cursor.member);
    }
  }
  try {
    await Promise.all([...cursors].map(advance));
    for (;;) {
      const answering = cursors.map(({ member }) => member);
      if (!mayDeny(answering, members)) {
        yield new BlobError(faults.join("; "), {
          code: "Unavailable",
          retryable: true,
        });
        return;
      }
      const heads = cursors.flatMap(({ head }) => head ?? []);
      if (heads.length === 0) return;
      const first = heads.reduce((one, other) =>
        compareKeys(one.key, other.key) <= 0 ? one : other
      );
      const having = cursors.filter(({ head }) => head?.key === first.key);
      const sizes = new Map(
        having.map(({ member, head }) => [member, head!.size]),
      );
      yield { ...first, sizes };
      await Promise.all(having.map(advance));
    }
  } finally {
    await Promise.all(cursors.map(({ blobs }) => blobs.return?.()));
  }
}

async function* listOf(
  member: MirrorMember,
  prefix: string,
  options: ListOptions,
): AsyncGenerator<BlobDescription, void, undefined> {
  if (member.store === undefined) return;
  yield* member.store.list(prefix, options);
}
