/** What the doctor looks at: what servers say of themselves, what the SuperNode says of all, and what replicas hold. Collected by client/examine.ts. */
import type { NodeNumber, Path } from "../base/ids.ts";
import type { ClusterMap } from "../wire/messages.ts";
import type { StatusReply } from "../wire/status-messages.ts";

/** What one server answered when it was asked directly. */
export interface ServerAnswer {
  readonly version: string;
  /** How far its clock is ahead of the asker's (behind: negative), by the midpoint of the round trip, and how far off that may be. */
  readonly clockAheadMs: number;
  readonly clockErrorMs: number;
  readonly generation: number;
  readonly mapVersion: number;
}

export interface ServerFacts {
  readonly name: string;
  /** gRPC, HOST:PORT. */
  readonly address: string;
  /** Or why there is none, in words. */
  readonly answer: ServerAnswer | string;
}

/** A file of which some replica that answers lacks the current version, or chunks of it. */
export interface ThinFile {
  readonly path: Path;
  /** Of `n` replicas so many hold all of it. */
  readonly copies: number;
  readonly n: number;
  /** Replicas that lack something, and what: `version 3 (it holds 2)`, `2 chunks`. */
  readonly lacking: readonly { readonly node: NodeNumber; readonly what: string }[];
}

export interface FileFacts {
  /** Files whose replicas were compared; `isAll`: every file of the cluster. */
  readonly checked: number;
  readonly isAll: boolean;
  readonly thin: readonly ThinFile[];
}

export interface Facts {
  /** When they were collected, by the asker's clock, Unix epoch. */
  readonly wallMs: number;
  /** The newest map that was found. */
  readonly map: ClusterMap;
  readonly superNodes: readonly ServerFacts[];
  readonly nodes: ReadonlyMap<NodeNumber, ServerFacts>;
  /** Undefined: no SuperNode answers. */
  readonly status: StatusReply | undefined;
  /** Undefined: they could not be looked at, for no SuperNode says which there are. */
  readonly files: FileFacts | undefined;
}

/** The DataNodes that answer. */
export function answering({ nodes }: Facts): ReadonlySet<NodeNumber> {
  return new Set([...nodes].flatMap(([number, { answer }]) => (typeof answer === "string" ? [] : [number])));
}
