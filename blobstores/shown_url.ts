/**
 * What a message may quote of a URL as somebody typed it: not the parts where
 * secrets lie, for this scheme or another.
 *
 * @module
 */

/** Options whose values are no secrets. */
const PUBLIC_OPTION = /^(endpoint|region|path-style|storage-class)$/;

/** The URL without what stands before "@", behind "#", and in other options than these. */
export function shownUrl(url: string): string {
  return url.replace(/#.*$/s, "#…")
    .replace(/[^/?&=]*@/g, "***@")
    .replace(
      /([?&])([^=&?#]*)(=?)([^&?#]*)/g,
      (_, mark: string, name: string, is: string, value: string) =>
        is === "" || !PUBLIC_OPTION.test(name)
          ? `${mark}${is === "" ? "" : name}${is}…`
          : mark + name + is + value,
    );
}
