/** The cluster as a chaos run treats it: real processes in the executable (cli/chaos), a fake in tests. */
import type { Random } from "../ports.ts";
import type { CLIENT, FaultKind, ServerName } from "./faults.ts";

/** Ends what was begun. To be called once. */
export type Undo = () => void;

export interface ClusterUnderTest {
  /** DataNodes, by name. */
  readonly nodes: readonly ServerName[];
  /** Of those: nodes whose disk can be filled. */
  readonly fillable: readonly ServerName[];
  /** Faults of links that cannot be made here. */
  readonly impossible: ReadonlySet<FaultKind>;
  /** SIGKILL; resolves when it is gone. */
  kill(server: ServerName): Promise<void>;
  /** Starts it again; resolves when it serves. @throws QdfsError what it said on its way out */
  start(server: ServerName): Promise<void>;
  /** Stops it for so long; resolves when it goes on. It goes on even should this process end meanwhile. */
  freeze(server: ServerName, lastsMs: number): Promise<void>;
  /** No byte passes from one to the other, in connections that are and in those to come. They come late or again once it is undone. */
  cut(from: ServerName, to: ServerName): Undo;
  /** Nothing passes to or from the server. */
  isolate(server: ServerName): Undo;
  delay(server: ServerName, delayMs: number): Undo;
  /** Breaks all connections to and from the server. */
  reset(server: ServerName): void;
  fillDisk(server: ServerName): Undo;
  /** Damages one chunk file; what was done in words, undefined when there is none. */
  damageChunk(server: ServerName, random: Random): string | undefined;
  /** Damages the database of a server that is not running; `undo` gives back what was there. */
  damageDatabase(server: ServerName, random: Random): { readonly words: string; readonly undo: Undo };
  /** From now on the wall clock of the server, or of all clients, is that wrong. */
  shiftClock(server: ServerName | typeof CLIENT, shiftMs: number): void;
}
