/** What only a SuperNode answers: listings, usage, status. Any of them will do; DataNodes among the addresses are passed over. */
import { codeOf, type ErrorCode, messageOf, QdfsError } from "../base/errors.ts";
import { REACH_SUPERNODE_MS, RETRY_BASE_MS, RETRY_MAX_MS } from "../limits.ts";
import type { Runtime, SuperNodeApi } from "../ports.ts";
import { backoffMs, Inbox, sleep } from "./inbox.ts";
import type { MapHolder } from "./map-holder.ts";

type Told<Answer> = { readonly answer: Answer } | { readonly error: unknown };

/** Not what a SuperNode answers: there is none, or not yet, or no longer. */
const PASSED_OVER: ReadonlySet<ErrorCode> = new Set([
  "CLUSTER_UNREACHABLE",
  "CLUSTER_WAITING",
  "NOT_ALLOWED",
  "SHUTTING_DOWN",
  "SUPERSEDED",
]);

/** It serves, and refuses with its arithmetic what too few DataNodes are there for; one that does not serve yet has none. */
function isDecision(error: unknown): boolean {
  return error instanceof QdfsError && error.code === "CLUSTER_WAITING" && error.details.need !== undefined;
}

export class SuperNodes {
  readonly #holder: MapHolder;
  readonly #runtime: Runtime;

  constructor(holder: MapHolder, runtime: Runtime) {
    this.#holder = holder;
    this.#runtime = runtime;
  }

  /**
   * The first answer; the addresses are gone over again for REACH_SUPERNODE_MS, for a SuperNode that is just starting.
   * @throws QdfsError CLUSTER_UNREACHABLE when no SuperNode answers by then, or what one answered
   */
  async call<Answer>(ask: (server: SuperNodeApi) => Promise<Answer>): Promise<Answer> {
    const { clock, timers, random } = this.#runtime;
    const deadlineMs = clock.monotonicMs() + REACH_SUPERNODE_MS;
    for (let tries = 0; ; tries += 1) {
      const causes: string[] = [];
      for (const address of this.#holder.superNodeAddresses()) {
        const told = await this.#told(address, ask, deadlineMs - clock.monotonicMs());
        if (told === undefined) {
          causes.push(`${address} gives no answer`);
          break;
        }
        if ("answer" in told) return told.answer;
        const code = codeOf(told.error);
        if (code === undefined || !PASSED_OVER.has(code) || isDecision(told.error)) throw told.error;
        causes.push(code === "NOT_ALLOWED" ? `${address} is a DataNode` : messageOf(told.error));
      }
      if (clock.monotonicMs() + RETRY_MAX_MS > deadlineMs) {
        throw new QdfsError(
          "CLUSTER_UNREACHABLE",
          `no SuperNode answers (${causes.join("; ")}). Listings and status need one; files can be read and written without`,
          { causes },
        );
      }
      void this.#holder.refresh(); // a SuperNode that was rebuilt may be elsewhere: DataNodes know
      await sleep(timers, backoffMs(random, RETRY_BASE_MS, tries, RETRY_MAX_MS));
    }
  }

  /** What the server at an address says; undefined: nothing within `patienceMs`. */
  async #told<Answer>(
    address: string,
    ask: (server: SuperNodeApi) => Promise<Answer>,
    patienceMs: number,
  ): Promise<Told<Answer> | undefined> {
    const inbox = new Inbox<Told<Answer>>(this.#runtime.timers);
    ask(this.#holder.server(address)).then(
      (answer) => inbox.push({ answer }),
      (error: unknown) => inbox.push({ error }),
    );
    return await inbox.next(Math.max(0, patienceMs));
  }
}
