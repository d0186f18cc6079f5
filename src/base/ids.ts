/** Branded names, so that one kind of id is never taken for another. */

declare const brand: unique symbol;

/** A DataNode's number: given by the SuperNode at admission, never reused; 0 is nobody. Shown as `dn-<number>`. */
export type NodeNumber = number & { readonly [brand]?: "node" };

/** A normalised file or directory path: leading `/`, NFC, at most `PATH_BYTES_MAX` bytes. Made by base/path.ts alone. */
export type Path = string & { readonly [brand]?: "path" };

export function nodeName(node: number): string {
  return `dn-${node}`;
}

/** The number in `dn-3`, or undefined. */
export function parseNodeName(name: string): NodeNumber | undefined {
  const match = /^(?:dn-)?([1-9]\d{0,6})$/.exec(name);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
