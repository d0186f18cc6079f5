/** Which inline bytes a replica answers a read with. */
import type { Path } from "../base/ids.ts";
import type { NodeStore } from "../ports.ts";
import { isAbsent } from "../register/ballot.ts";
import { keptVersion } from "../register/head.ts";
import { headCodec } from "../wire/codec.ts";
import type { Accepted } from "./turn.ts";

/** The inline bytes of version `number` (0: the current one) as far as this replica holds them. */
export function inlineBytes(store: NodeStore, path: Path, { ballot, head }: Accepted, number: number): Uint8Array | undefined {
  if (isAbsent(ballot)) return undefined;
  if (number === 0) return store.current(path)?.content ?? undefined;
  const version = keptVersion(headCodec.decode(head), number);
  return version === undefined ? undefined : store.content(path, version.operation.random);
}
