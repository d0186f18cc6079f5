import type { Finding } from "../client/connect.ts";

/** `content of /a@3: the bytes are missing; mended`. */
export function findingWords({ what, path, name, why, mended }: Finding): string {
  const subject = what === "chunk" ? `chunk ${name} of ${path}` : `${what} of ${path}${name}`;
  return `${subject}: ${why}; ${mended ? "mended" : "not mended yet"}`;
}
