/** The network between the servers and clients of a chaos run: where each server is to be, and which links fail. */
import type { Undo } from "../../chaos/cluster.ts";
import type { CLIENT, FaultKind, ServerName } from "../../chaos/faults.ts";

/** An end of a link. */
export type Party = ServerName | typeof CLIENT;

/** Which links a fault is about. */
export type Meets = (from: Party, to: Party) => boolean;

/** Where a server is, for all its lives. */
export interface Place {
  /** What its command line begins with, to put it there; empty: nothing. */
  readonly command: readonly string[];
  /** The gRPC port it is to take; 0: any. */
  readonly port: number;
  /** Its flags that say where it listens and is found. */
  readonly args: readonly string[];
  /** HOST:PORT where the others reach its gRPC port. */
  readonly address: string;
}

export interface Network {
  /** What it is, in a few words for the timeline. */
  readonly words: string;
  /** Faults of links that it cannot make. */
  readonly impossible: ReadonlySet<FaultKind>;
  /** `listening`: where the server listens in this life, HOST:PORT; undefined while it does not. */
  place(
    server: ServerName,
    role: "supernode" | "datanode",
    listening: (port: "grpc" | "http") => string | undefined,
  ): Promise<Place>;
  /** No byte passes in that direction, in connections that are and in those to come; TCP sends again what it was told meanwhile. */
  cut(meets: Meets): Undo;
  /** Bytes take so much longer. */
  delay(meets: Meets, delayMs: number): Undo;
  /** Breaks connections that are there, as a reset. */
  reset(meets: Meets): void;
  close(): void;
}
