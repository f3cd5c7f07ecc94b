/**
 * The arrows of docs/architecture.md as a lint rule: which folder may import
 * from which, and who may open a native library.
 *
 * @module
 */

import { fromFileUrl, normalizePath } from "./arrows_paths.ts";

/** Files that may call `Deno.dlopen`: all other code is pure TypeScript. */
const NATIVE_FILES: readonly string[] = [
  "aoe/link/pcap_library.ts",
  "blobstores/libc.ts",
  "cli/verbs/file_holes.ts",
  "cli/archive/native_codec.ts",
  "setup/services/namespace.ts",
];

/** What the files below one path may import. The first that fits counts. */
interface Zone {
  /** How the paths of its files begin; a file's whole path for a file. */
  readonly path: string;
  /** How the paths that they may import begin; absent for anything. */
  readonly imports?: readonly string[];
  /** How the paths that they may not import begin all the same. */
  readonly except?: readonly string[];
  /** They import no packages either. */
  readonly noPackages?: boolean;
  /** What to do instead. */
  readonly hint: string;
}

/** What the archive shares with stores and layers: which failures pass, what is counted and how it is said. */
const LAYER_FACTS: readonly string[] = [
  "blobstores/counted.ts",
  "blobstores/layers/backoff.ts",
  "blobstores/layers/cache_statistics.ts",
  "blobstores/layers/metrics.ts",
];

const ZONES: readonly Zone[] = [
  {
    path: "main.ts",
    imports: ["cli/"],
    hint: "main.ts starts cli/ and knows nothing else: compose in cli/",
  },
  {
    path: "mod.ts",
    imports: ["aoe/", "cas/", "blobstores/", "plugins/"],
    hint: "mod.ts is the library: export from aoe, cas, blobstores, plugins",
  },
  {
    path: "aoe/",
    imports: ["aoe/"],
    noPackages: true,
    hint: "aoe/ stands alone: declare an interface in aoe/, as BlockDevice " +
      "is, and let cli/ pass in what implements it",
  },
  {
    path: "devices/",
    imports: ["devices/", "aoe/block_device.ts"],
    noPackages: true,
    hint:
      "a device knows what a target needs of a disk, aoe/block_device.ts, " +
      "and nothing else: let cli/ pass in the rest",
  },
  {
    path: "blobstores/",
    imports: ["blobstores/"],
    hint: "a store knows nothing of who uses it: move what both need here",
  },
  {
    path: "plugins/",
    imports: ["plugins/", "blobstores/"],
    hint: "plugins/ knows blobstores/ alone: let cli/ pass in the rest",
  },
  {
    path: "cas/front/",
    imports: ["cas/", "blobstores/blob_store.ts", ...LAYER_FACTS],
    except: ["cas/engine/"],
    hint: "the two halves know each other through cas/archive_port.ts and " +
      "cas/block_pool.ts: what both need goes into cas/; from blobstores/ " +
      "comes the interface, blob_store.ts",
  },
  {
    path: "cas/engine/",
    imports: ["cas/", "blobstores/blob_store.ts", ...LAYER_FACTS],
    except: ["cas/front/"],
    hint: "the two halves know each other through cas/archive_port.ts and " +
      "cas/block_pool.ts: what both need goes into cas/; from blobstores/ " +
      "comes the interface, blob_store.ts",
  },
  {
    path: "cas/",
    imports: ["cas/", "blobstores/blob_store.ts", ...LAYER_FACTS],
    hint: "the archive knows the interface of stores, blobstores/" +
      "blob_store.ts: let cli/ pass in a store",
  },
  {
    path: "tests/",
    except: ["main.ts"],
    hint: "main.ts runs when it is imported: start it as a process of its own",
  },
  {
    path: "",
    except: ["main.ts", "tests/"],
    hint: "nothing imports main.ts or tests/: move what is shared elsewhere",
  },
];

const ROOT = fromFileUrl(new URL("..", import.meta.url).href);

/** The lint plugin: rules `deepshelf/arrows` and `deepshelf/native`. */
const plugin: Deno.lint.Plugin = {
  name: "deepshelf",
  rules: {
    arrows: { create: createArrows },
    native: { create: createNative },
  },
};

export default plugin;

function createArrows(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  const file = pathInProject(context.filename);
  const zone = ZONES.find(({ path }) => covers(path, file));

  function check(node: Deno.lint.Node, specifier: unknown): void {
    if (zone === undefined || typeof specifier !== "string") return;
    const fault = faultOf(zone, file, specifier);
    if (fault === null) return;
    context.report({ node, message: fault, hint: zone.hint });
  }

  return {
    ImportDeclaration: (node) => check(node, node.source.value),
    ExportAllDeclaration: (node) => check(node, node.source.value),
    ExportNamedDeclaration: (node) => check(node, node.source?.value),
    ImportExpression(node): void {
      if (node.source.type === "Literal") check(node, node.source.value);
    },
    TSImportType(node): void {
      const { argument } = node;
      if (argument.type !== "TSLiteralType") return;
      if (argument.literal.type === "Literal") {
        check(node, argument.literal.value);
      }
    },
    // A worker's module: new URL("./engine_worker.ts", import.meta.url). The
    // URL of main.ts is for starting it as a process, which is no import.
    NewExpression(node): void {
      const [specifier, base] = node.arguments;
      if (node.callee.type !== "Identifier" || node.callee.name !== "URL") {
        return;
      }
      if (specifier?.type !== "Literal" || base?.type !== "MemberExpression") {
        return;
      }
      const { value } = specifier;
      if (typeof value !== "string" || !/\.[jt]s$/.test(value)) return;
      if (/(^|\/)main\.ts$/.test(value)) return;
      check(node, value.startsWith(".") ? value : `./${value}`);
    },
  };
}

/** Why the import is against the arrows; null if it is not. */
function faultOf(zone: Zone, file: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) {
    if (specifier.startsWith("@deepshelf/")) {
      return `${file} imports the project by its package name, not by a relative path`;
    }
    const isPackage = !specifier.startsWith("node:");
    return zone.noPackages && isPackage
      ? `${file} imports the package "${specifier}"`
      : null;
  }
  const folder = file.slice(0, file.lastIndexOf("/") + 1);
  const target = normalizePath(folder + specifier);
  const allowed = zone.imports === undefined ||
    zone.imports.some((path) => covers(path, target));
  const excepted = zone.except?.some((path) => covers(path, target)) ?? false;
  return allowed && !excepted ? null : `${file} imports ${target}`;
}

function createNative(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  const file = pathInProject(context.filename);
  if (NATIVE_FILES.includes(file)) return {};

  function report(node: Deno.lint.Node): void {
    context.report({
      node,
      message: `${file} opens a native library`,
      hint: `only ${NATIVE_FILES.join(" and ")} do: use what they export`,
    });
  }

  return {
    MemberExpression(node): void {
      const { object, property } = node;
      if (object.type !== "Identifier" || object.name !== "Deno") return;
      if (nameOf(property) === "dlopen") report(node);
    },
    VariableDeclarator(node): void {
      const { id, init } = node;
      if (init?.type !== "Identifier" || init.name !== "Deno") return;
      if (id.type !== "ObjectPattern") return;
      for (const property of id.properties) {
        if (property.type !== "Property") continue;
        if (nameOf(property.key) === "dlopen") report(property);
      }
    },
  };
}

function nameOf(node: Deno.lint.Node): unknown {
  if (node.type === "Identifier") return node.name;
  return node.type === "Literal" ? node.value : undefined;
}

function covers(path: string, file: string): boolean {
  return path === "" || path.endsWith("/")
    ? file.startsWith(path)
    : file === path;
}

function pathInProject(filename: string): string {
  const path = filename.startsWith("file:") ? fromFileUrl(filename) : filename;
  return normalizePath(path.startsWith(ROOT) ? path.slice(ROOT.length) : path);
}
