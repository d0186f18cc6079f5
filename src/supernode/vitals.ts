/** What the SuperNode knows of one DataNode by its heartbeats: is it there, and does it stay? In memory only. */
import { Steadiness } from "../cluster/steadiness.ts";
import { Suspicion } from "../cluster/suspicion.ts";
import { DOWN_PHI, SUSPECT_PHI } from "../limits.ts";
import type { HeartbeatRequest } from "../wire/membership-messages.ts";
import { NodeState } from "../wire/messages.ts";

export interface Vitals {
  readonly heardMs: number;
  /** The last one. */
  readonly heartbeat: HeartbeatRequest | undefined;
  /** Phi (cluster/suspicion.ts). */
  readonly suspicion: number;
  readonly flaps: number;
  readonly heldForMs: number;
}

export class Watch {
  readonly #suspicion: Suspicion;
  readonly #steadiness: Steadiness;
  #heartbeat: HeartbeatRequest | undefined;
  /** Unheard of since it said goodbye, or since before this SuperNode began: it is down until it says something. */
  #gone: boolean;
  #isDown: boolean;
  #heardSinceJoin = false;

  /** `was`: its state in the map. Heard now, as far as is known. Moments are monotonic, here and below. */
  constructor(nowMs: number, was: NodeState) {
    this.#suspicion = new Suspicion(nowMs);
    this.#steadiness = new Steadiness(nowMs, was === NodeState.DOWN || was === NodeState.SUSPECT);
    this.#gone = was === NodeState.DOWN;
    this.#isDown = this.#gone;
  }

  get heartbeat(): HeartbeatRequest | undefined {
    return this.#heartbeat;
  }

  /** Its process has begun, or asks again because the answer was lost: one that was heard since it joined last has vanished in between. */
  joined(nowMs: number): void {
    if (this.#heardSinceJoin && !this.#gone) this.#steadiness.vanished(nowMs);
    this.#heardSinceJoin = false;
    this.#present(nowMs);
  }

  heard(nowMs: number, heartbeat: HeartbeatRequest): void {
    this.#heartbeat = heartbeat;
    this.#heardSinceJoin = true;
    this.#present(nowMs);
    if (!heartbeat.leaving) return;
    this.#gone = true;
    this.#steadiness.left();
  }

  #present(nowMs: number): void {
    this.#suspicion.heard(nowMs);
    this.#gone = false;
    this.#isDown = false;
    this.#steadiness.back(nowMs);
  }

  /** The silence of so long was not its doing. */
  excuse(ms: number): void {
    this.#suspicion.excuse(ms);
  }

  /** Its state now. Who is down stays so until it is heard. */
  look(nowMs: number): NodeState {
    const phi = this.#suspicion.phi(nowMs);
    this.#isDown ||= this.#gone || phi >= DOWN_PHI;
    if (this.#isDown || phi >= SUSPECT_PHI) this.#steadiness.vanished(nowMs);
    if (this.#isDown) return NodeState.DOWN;
    return phi >= SUSPECT_PHI ? NodeState.SUSPECT : NodeState.UP;
  }

  heldForMs(nowMs: number): number {
    return this.#steadiness.heldForMs(nowMs);
  }

  vitals(nowMs: number): Vitals {
    return {
      heardMs: this.#suspicion.heardMs,
      heartbeat: this.#heartbeat,
      suspicion: this.#suspicion.phi(nowMs),
      flaps: this.#steadiness.flaps(nowMs),
      heldForMs: this.heldForMs(nowMs),
    };
  }
}
