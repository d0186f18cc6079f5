/** What only a SuperNode answers: listings, usage, status. Any of them will do; DataNodes among the addresses are passed over. */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { REACH_CLUSTER_MS, RETRY_BASE_MS, RETRY_MAX_MS } from "../limits.ts";
import type { Runtime, SuperNodeApi } from "../ports.ts";
import { backoffMs, sleep } from "./inbox.ts";
import type { MapHolder } from "./map-holder.ts";

export class SuperNodes {
  readonly #holder: MapHolder;
  readonly #runtime: Runtime;

  constructor(holder: MapHolder, runtime: Runtime) {
    this.#holder = holder;
    this.#runtime = runtime;
  }

  /**
   * The first answer; the addresses are gone over again for REACH_CLUSTER_MS, for a SuperNode that is just starting.
   * @throws QdfsError CLUSTER_UNREACHABLE when no SuperNode answers, or what one answered
   */
  async call<Answer>(ask: (server: SuperNodeApi) => Promise<Answer>): Promise<Answer> {
    const { clock, timers, random } = this.#runtime;
    const startedMs = clock.monotonicMs();
    for (let tries = 0; ; tries += 1) {
      const causes: string[] = [];
      for (const address of this.#holder.superNodeAddresses()) {
        try {
          return await ask(this.#holder.server(address));
        } catch (error) {
          const code = codeOf(error);
          if (code !== "CLUSTER_UNREACHABLE" && code !== "NOT_ALLOWED" && code !== "SHUTTING_DOWN") throw error;
          causes.push(code === "NOT_ALLOWED" ? `${address} is a DataNode` : messageOf(error));
        }
      }
      if (clock.monotonicMs() - startedMs + RETRY_MAX_MS > REACH_CLUSTER_MS) {
        throw new QdfsError(
          "CLUSTER_UNREACHABLE",
          `no SuperNode answers (${causes.join("; ")}). Listings and status need one; files can be read and written without`,
          { causes },
        );
      }
      await sleep(timers, backoffMs(random, RETRY_BASE_MS, tries, RETRY_MAX_MS));
    }
  }
}
