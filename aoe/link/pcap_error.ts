/**
 * Why a link could not be opened, and what to type about it.
 *
 * @module
 */

/** What stands in the way: each is cured by another action of the operator. */
export type LinkErrorCode =
  | "library"
  | "ffi-permission"
  | "interface-missing"
  | "interface-down"
  | "interface-kind"
  | "capability"
  | "capture";

/** A link cannot be opened. The message ends with what to type next. */
export class LinkError extends Error {
  /** The cause, for programs. */
  readonly code: LinkErrorCode;

  /** @param message what was tried, on what, what came back, what to type */
  constructor(code: LinkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LinkError";
    this.code = code;
  }
}

/** No libpcap at any of `paths`. */
export function pcapMissing(
  paths: readonly string[],
  cause: unknown,
): LinkError {
  return new LinkError(
    "library",
    `Cannot load libpcap: none of ${paths.join(", ")} opens. ` +
      `Type: apt-get install libpcap0.8`,
    { cause },
  );
}

/** Deno was started without the permission to load `paths`. */
export function ffiNotPermitted(
  paths: readonly string[],
  cause: unknown,
): LinkError {
  return new LinkError(
    "ffi-permission",
    `Cannot load libpcap: Deno may not load ${paths.join(" or ")}. ` +
      `Start it with: deno run --allow-ffi ...`,
    { cause },
  );
}

/** There is no interface of that name; `present` are those that there are. */
export function interfaceMissing(
  name: string,
  present: readonly string[],
): LinkError {
  return new LinkError(
    "interface-missing",
    `There is no network interface ${name}; there are: ` +
      `${present.join(", ") || "none"}. Type: ip link`,
  );
}

/** The interface exists but is down. */
export function interfaceDown(name: string): LinkError {
  return new LinkError(
    "interface-down",
    `The network interface ${name} is down. ` +
      `Type: sudo ip link set ${name} up`,
  );
}

/** The interface carries no Ethernet frames. */
export function interfaceKind(name: string, found: string): LinkError {
  return new LinkError(
    "interface-kind",
    `The network interface ${name} carries no Ethernet frames (${found}), ` +
      `and AoE is nothing but Ethernet frames. ` +
      `Type: ip -brief link, and choose another`,
  );
}

/** The process may not open packet sockets. */
export function capabilityMissing(name: string, reason: string): LinkError {
  return new LinkError(
    "capability",
    `Cannot capture on ${name}: ${reason || "permission denied"}. ` +
      `It takes the capability CAP_NET_RAW. Type: sudo, before the command; ` +
      `or once: sudo setcap cap_net_raw+ep $(command -v deno)`,
  );
}

/** libpcap refused a step for a reason of its own. */
export function captureRefused(
  name: string,
  step: string,
  reason: string,
): LinkError {
  return new LinkError(
    "capture",
    `Cannot capture on ${name}: ${step} said: ${reason}. ` +
      `Type: ip -details link show ${name}`,
  );
}
