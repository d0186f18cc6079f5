/** What a DataNode does about each kind of request: who answers it, and what is refused before anyone is asked. */
import { AssertionFailed, messageOf, QdfsError } from "../base/errors.ts";
import { nodeName, type Path } from "../base/ids.ts";
import { parseFilePath } from "../base/path.ts";
import { isBehind } from "../cluster/stale.ts";
import { MAP_WAIT_MS, OPERATION_BUDGET_MS } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import type { BallotCounter } from "../register/counter.ts";
import { failureAnswer } from "../wire/failure.ts";
import type { Erase } from "../wire/garbage-messages.ts";
import { type Request, Want } from "../wire/messages.ts";
import type { Alarms } from "./alarms.ts";
import type { ChangeLog } from "./change-log.ts";
import { checkAccept, checkConfirm, checkMutate, checkTake } from "./check-request.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { Completer } from "./completer.ts";
import type { Coordinator } from "./coordinator.ts";
import type { Freshness } from "./freshness.ts";
import type { HeldRanges } from "./held-ranges.ts";
import type { LoadMeter } from "./load-meter.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { MapSeeker } from "./map-seeker.ts";
import type { Mender } from "./mender.ts";
import type { Replica } from "./replica.ts";
import type { Rescan } from "./rescan.ts";
import type { Scanner } from "./scanner.ts";
import type { Reply } from "./turn.ts";

export interface DispatcherParts {
  readonly runtime: Runtime;
  readonly maps: MapKeeper;
  readonly counter: BallotCounter;
  readonly replica: Replica;
  readonly coordinator: Coordinator;
  readonly chunks: ChunkStore;
  readonly changes: ChangeLog;
  readonly completer: Completer;
  readonly scanner: Scanner;
  readonly ranges: HeldRanges;
  readonly rescan: Rescan;
  readonly seeker: MapSeeker;
  readonly mender: Mender;
  readonly freshness: Freshness;
  readonly load: LoadMeter;
  readonly alarms: Alarms;
  readonly onFatal: (error: unknown) => void;
}

export class Dispatcher {
  readonly #parts: DispatcherParts;
  /** Strong reads and mutations taken. */
  reads = 0;
  writes = 0;
  #stopping = false;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /** No operation is begun any more; what others need of this replica is still answered. */
  stop(): void {
    this.#stopping = true;
  }

  /**
   * Answers once, now or later, failures included. What is asked of a file, or ordered, by a newer map than ours (P5) waits for a newer one, for
   * MAP_WAIT_MS at most: while a partition changes hands it is on its way here, and whoever is refused meanwhile has to begin again.
   */
  request(request: Request, answer: Reply): void {
    this.#answer(request, answer, true);
  }

  #answer(request: Request, answer: Reply, mayWait: boolean): void {
    try {
      this.#dispatch(request, answer);
    } catch (error) {
      if (mayWait && isBehind(error)) void this.#withNewerMap().then(() => this.#answer(request, answer, false));
      else answer(this.#failed(error));
    }
  }

  #withNewerMap(): Promise<void> {
    const { maps, runtime } = this.#parts;
    return new Promise((resolve) => {
      const cancel = runtime.timers.after(MAP_WAIT_MS, resolve);
      void maps.seekNewer().then(() => {
        cancel();
        resolve();
      });
    });
  }

  #dispatch(request: Request, answer: Reply): void {
    const { mutate, settle, configuration } = request;
    const coordinated = mutate ?? settle;
    if (coordinated) {
      if (this.#stopping) throw new QdfsError("SHUTTING_DOWN", `${nodeName(this.#parts.maps.self)} is stopping`);
      this.#parts.maps.check(coordinated.path, configuration);
      this.#parts.load.count();
    }
    if (mutate) {
      this.writes += 1;
      checkMutate(mutate, this.#parts.maps.map.policy, this.#parts.counter.current());
      this.#answerLater(this.#parts.coordinator.mutate(mutate), (mutated) => answer({ mutated }), answer);
    } else if (settle) {
      const budgetMs = Math.min(settle.budgetMs || OPERATION_BUDGET_MS, OPERATION_BUDGET_MS);
      const settling = settle.anew
        ? this.#parts.coordinator.settleAnew(settle.path, budgetMs)
        : this.#parts.coordinator.settle(settle.path, budgetMs);
      this.#answerLater(settling, (settled) => answer({ settled }), answer);
    } else if (request.rescan) {
      answer({ rescanned: this.#parts.rescan.order(request.rescan.of) });
    } else {
      const { prepare, accept, read, fetch, confirm } = request;
      const about = prepare ?? accept ?? read ?? fetch ?? request.erase;
      if (about) {
        this.#parts.maps.check(about.path, configuration);
        if (accept) checkAccept(accept);
        if (read) {
          this.#parts.load.count();
          // One of the R requests of a strong read is for more than the ballot.
          if (read.want !== Want.BALLOT && !read.age) this.reads += 1;
        }
      }
      if (confirm) checkConfirm(confirm);
      if (request.take) checkTake(request.take);
      this.local(request, read?.age ? this.#withAge(read.path, answer) : answer);
    }
  }

  #withAge(path: Path, answer: Reply): Reply {
    return (body) => {
      const ageMs = body.held ? this.#parts.freshness.ageMs(path) : undefined;
      answer(body.held && ageMs !== undefined ? { held: { ...body.held, ageKnown: true, ageMs } } : body);
    };
  }

  /** What needs no coordinator; also what this node asks itself. */
  local(body: Omit<Request, "id">, reply: Reply): void {
    const { confirm, accept, prepare, complete } = body;
    const proposal = prepare ?? accept;
    // P5, for our own coordinator too: only ballots of the adopted configuration.
    if (proposal) this.#parts.maps.check(proposal.path, proposal.ballot.configuration);
    if (accept?.inline && this.#parts.alarms.diskFull) {
      // Below the reserve only what needs no room for content is taken: deletes, settles of chunked files.
      throw new QdfsError("STORAGE_FULL", "no room on this DataNode");
    }
    if (body.prepare || body.accept || body.read || body.fetch) this.#parts.replica.submit(body, reply);
    else if (confirm) reply({ confirmed: { missing: this.#parts.chunks.missing(confirm) } });
    else if (body.changes) this.#parts.changes.answer(body.changes, reply);
    else if (body.sequence) reply(this.#parts.changes.sequence());
    else if (complete)
      this.#answerLater(this.#parts.completer.complete(complete, body.configuration), (completed) => reply({ completed }), reply);
    else if (body.erase) this.#parts.replica.erase({ ...plainErase(body.erase), configuration: body.configuration }, reply);
    else if (body.remember)
      this.#answerLater(this.#parts.completer.remember(body.remember), () => reply({ remembered: {} }), reply);
    else if (body.scan) this.#parts.scanner.answer(body.scan, reply);
    else if (body.compare) this.#answerLater(this.#parts.ranges.answer(body.compare), (compared) => reply({ compared }), reply);
    else if (body.take) this.#answerLater(this.#parts.completer.take(body.take), (taken) => reply({ taken }), reply);
    else if (body.map) this.#answerLater(this.#parts.seeker.answer(body.map), (map) => reply({ map }), reply);
    else if (body.suspect) {
      this.#parts.mender.suspect(parseFilePath(body.suspect.path));
      reply({ noted: {} });
    } else throw new QdfsError("BAD_REQUEST", "the request has no body that this version knows");
  }

  #answerLater<T>(work: Promise<T>, done: (result: T) => void, answer: Reply): void {
    work.then(done, (error) => answer(this.#failed(error)));
  }

  /** An operating failure is answered; a broken invariant ends the process. */
  #failed(error: unknown): ReturnType<typeof failureAnswer> {
    if (error instanceof QdfsError) return failureAnswer(error);
    if (error instanceof AssertionFailed) this.#parts.onFatal(error);
    this.#parts.runtime.log.warn("a request failed with a bug of ours", { why: messageOf(error) });
    return failureAnswer(new QdfsError("BUG", messageOf(error)));
  }
}

/** Part of a decoded batch (wire/codec.ts). */
function plainErase({ path, ballot, forgotten, remove }: Erase): Erase {
  return { path, ballot, forgotten, remove };
}
