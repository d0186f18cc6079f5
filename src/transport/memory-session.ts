/** Sessions over a MemoryNetwork: the same two ends as over gRPC and the same bytes, with no socket between them. */
import { QdfsError } from "../base/errors.ts";
import type { LamportCounter, Runtime } from "../ports.ts";
import type { Hello } from "../wire/messages.ts";
import type { MemoryListener, MemoryNetwork } from "./memory-network.ts";
import { ServedSession } from "./served-session.ts";
import { SessionPool } from "./session-pool.ts";
import type { ServerWire, SessionService, Wire, WireEvents } from "./wire.ts";

/** Bytes under way in one direction before the writer is told to wait. */
const PIPE_BYTES_MAX = 1024 * 1024;

/** One direction of a connection. */
class Pipe {
  readonly #carry: (deliver: () => void, lost: () => void) => void;
  readonly #deliver: (bytes: Buffer) => void;
  readonly #drained: () => void;
  #underWayBytes = 0;
  #full = false;
  #paused = false;
  #arrivals: (() => void)[] = [];

  constructor(carry: (deliver: () => void, lost: () => void) => void, deliver: (bytes: Buffer) => void, drained: () => void) {
    this.#carry = carry;
    this.#deliver = deliver;
    this.#drained = drained;
  }

  write(bytes: Buffer): boolean {
    this.#underWayBytes += bytes.length;
    if (this.#underWayBytes > PIPE_BYTES_MAX) this.#full = true;
    let leavingBytes = bytes.length;
    const left = (): void => {
      this.#underWayBytes -= leavingBytes;
      leavingBytes = 0;
      this.#drainIfEmpty();
    };
    const arrive = (): void => {
      left();
      this.#deliver(bytes);
    };
    this.#carry(() => (this.#paused ? void this.#arrivals.push(arrive) : arrive()), left);
    return !this.#full;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    for (const arrive of arrivals) arrive();
  }

  #drainIfEmpty(): void {
    if (!this.#full || this.#underWayBytes > 0) return;
    this.#full = false;
    this.#drained();
  }
}

/** What is known of one connection while it is made. */
interface Ends {
  readonly network: MemoryNetwork;
  readonly runtime: Runtime;
  readonly from: string;
  readonly to: string;
  readonly events: WireEvents;
}

function connect({ network, runtime, from, to, events }: Ends, listener: MemoryListener, service: SessionService): Wire {
  let over = false;
  const unlessOver = (run: () => void): void => {
    if (!over) run();
  };
  const tell = (error: QdfsError): void =>
    network.carry(to, from, () =>
      unlessOver(() => {
        over = true;
        events.ended(error);
      }),
    );
  const out = new Pipe(
    (deliver, lost) => network.carry(from, to, deliver, lost),
    (bytes) => {
      if (listener.open) served.received(bytes);
      else lost(); // as often as something is sent to a process that is gone
    },
    () => unlessOver(() => events.drained()),
  );
  const back = new Pipe(
    (deliver, lost) => (listener.open ? network.carry(to, from, deliver, lost) : runtime.timers.soon(lost)),
    (bytes) => unlessOver(() => events.received(bytes)),
    () => served.drained(),
  );
  const lost = (): void => tell(new QdfsError("NODE_UNREACHABLE", "connection lost", { address: to }));
  const forget = listener.whenClosed(() => {
    served.gone();
    lost();
  });
  const serverWire: ServerWire = {
    write: (bytes) => back.write(bytes),
    end: (error = new QdfsError("NODE_UNREACHABLE", "the server ended the session", { address: to })) => {
      forget();
      tell(error);
    },
    pause: () => out.pause(),
    resume: () => out.resume(),
  };
  const served = new ServedSession(runtime, serverWire, service);
  const close = (): void => {
    over = true;
    forget();
    network.carry(from, to, () => served.gone());
  };
  return { write: (bytes) => out.write(bytes), close };
}

function refuse({ network, from, to, events }: Ends): Wire {
  let over = false;
  const close = (): void => {
    over = true;
  };
  network.carry(from, to, () => {
    if (over) return;
    close();
    events.ended(new QdfsError("NODE_UNREACHABLE", "connection refused", { address: to }));
  });
  return { write: () => true, close };
}

export class MemorySessionDialer extends SessionPool {
  /** `from`: the place that this process is at, for the network's links. */
  constructor(network: MemoryNetwork, from: string, runtime: Runtime, counter: LamportCounter, hello: () => Hello) {
    const dial = (to: string, events: WireEvents): Wire => {
      const ends = { network, runtime, from, to, events };
      const listener = network.listener(to);
      const service = listener?.services.sessions;
      return listener === undefined || service === undefined ? refuse(ends) : connect(ends, listener, service);
    };
    super({ runtime, counter, hello, dial });
  }
}
