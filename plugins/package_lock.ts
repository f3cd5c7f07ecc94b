/**
 * What Deno's lock file says of an npm package: whether it pins the package,
 * and everything that the package depends on, by the SHA-512 of its bytes.
 *
 * @module
 */

/** A package of an exact version, without a path into it. */
const PACKAGE =
  /^npm:((?:@[a-z0-9._~-]+\/)?[a-z0-9._~-]+)@\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/;

const INTEGRITY = /^sha512-[A-Za-z0-9+/]{86}==$/;

/** An entry of the lock file's table `npm`. */
interface LockEntry {
  readonly integrity?: unknown;
  readonly dependencies?: readonly string[];
  readonly optionalDependencies?: readonly string[];
  readonly optionalPeers?: readonly string[];
}

interface LockFile {
  readonly version?: unknown;
  readonly specifiers?: Readonly<Record<string, string>>;
  readonly npm?: Readonly<Record<string, LockEntry>>;
}

/** A package that a lock file pins. */
export interface LockedPackage {
  /** The hash of the package itself, as npm writes it: `sha512-` and base64. */
  readonly integrity: string;
  /** Packages that belong to it, itself included. */
  readonly packageCount: number;
  /** A lock file of these packages alone. */
  readonly lockText: string;
}

/** True for a module that is a package of npm's registry. */
export function isPackage(module: string): boolean {
  return /^npm:/i.test(module);
}

/** Whether a module is `npm:NAME@VERSION` with one version, not a range or tag. */
export function isExactPackage(module: string): boolean {
  return PACKAGE.test(module);
}

/** What a lock file pins of a package; what it lacks as half a sentence if it does not. */
export function lockedPackage(
  module: string,
  lockText: string,
): LockedPackage | { readonly fault: string } {
  let lock: LockFile;
  try {
    lock = JSON.parse(lockText);
  } catch (error) {
    return { fault: `cannot be read: ${(error as Error).message}` };
  }
  const { version, specifiers = {}, npm = {} } = lock;
  const locked = specifiers[module];
  if (locked === undefined) return { fault: "does not pin it" };
  const name = PACKAGE.exec(module)?.[1];
  const first = `${name}@${locked}`;
  const found = new Map<string, LockEntry>();
  const open = [first];
  for (const id of open) {
    if (found.has(id)) continue;
    const entry = npm[id];
    if (entry === undefined) return { fault: `has no entry for ${id}` };
    if (!INTEGRITY.test(String(entry.integrity))) {
      // Deno would take whatever the registry sends.
      return { fault: `has no SHA-512 of ${id}` };
    }
    found.set(id, entry);
    for (const dependency of dependenciesOf(entry)) {
      open.push(idOf(dependency, npm));
    }
  }
  return {
    integrity: String(npm[first]!.integrity),
    packageCount: found.size,
    lockText: JSON.stringify({
      version,
      specifiers: { [module]: locked },
      npm: Object.fromEntries(found),
    }),
  };
}

function dependenciesOf(entry: LockEntry): string[] {
  const { dependencies = [], optionalDependencies = [], optionalPeers = [] } =
    entry;
  return [...dependencies, ...optionalDependencies, ...optionalPeers];
}

/**
 * The key of a dependency in the table `npm`. It is written as `NAME` where only
 * one version is there, and as `ALIAS@npm:NAME…` where it goes by another name.
 */
function idOf(
  dependency: string,
  npm: Readonly<Record<string, LockEntry>>,
): string {
  const target = /^.[^@]*@npm:(.+)$/.exec(dependency)?.[1] ?? dependency;
  if (npm[target] !== undefined) return target;
  const ids = Object.keys(npm).filter((id) => id.startsWith(`${target}@`));
  return ids.length === 1 ? ids[0]! : target;
}
