/** Asking replicas by the newest map: one that refuses ours is met by fetching the map, and asking again. */
import { codeOf } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { nodeOf, replicasOf } from "../cluster/map.ts";
import { RETRY_BASE_MS, RETRY_MAX_MS, UNAVAILABLE_PATIENCE_MS } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import type { Configuration } from "../wire/messages.ts";
import { askInTurn } from "./ask.ts";
import { backoffMs, sleep } from "./inbox.ts";
import type { MapHolder } from "./map-holder.ts";
import type { Router } from "./router.ts";

interface Ports {
  readonly holder: MapHolder;
  readonly router: Router;
  readonly runtime: Runtime;
}

export interface FreshAsking<Answer> {
  readonly path: Path;
  readonly budgetMs: number;
  readonly what: string;
  ask(node: NodeNumber, configuration: Configuration, timeoutMs: number): Promise<Answer>;
}

export interface FreshAnswer<Answer> {
  readonly node: NodeNumber;
  readonly answer: Answer;
  readonly configuration: Configuration;
}

/**
 * The first useful answer of a file's replicas, in read order (askInTurn), all of which go by one configuration.
 * @throws QdfsError as askInTurn; CLUSTER_WAITING
 */
export async function askReplicas<Answer>(
  { holder, router, runtime }: Ports,
  { path, budgetMs, what, ask }: FreshAsking<Answer>,
): Promise<FreshAnswer<Answer>> {
  const { clock } = runtime;
  const endMs = clock.monotonicMs() + Math.min(budgetMs, UNAVAILABLE_PATIENCE_MS);
  for (let tries = 0; ; tries += 1) {
    const configuration = await holder.configurationOf(path);
    let staleAt: NodeNumber | undefined;
    router.began();
    try {
      const asked = await askInTurn({
        order: router.readOrder(replicasOf(configuration)),
        hedge: router,
        budgetMs: Math.max(1, endMs - clock.monotonicMs()),
        runtime,
        ask: async (node, timeoutMs) => {
          try {
            return await ask(node, configuration, timeoutMs);
          } catch (error) {
            if (codeOf(error) === "CONFIGURATION_STALE") staleAt = node;
            throw error;
          }
        },
        what,
      });
      return { ...asked, configuration };
    } catch (error) {
      if (codeOf(error) === undefined || staleAt === undefined || clock.monotonicMs() >= endMs) throw error;
      await holder.refresh(nodeOf(holder.map, staleAt).grpc);
      await beforeAskingAgain({ holder, runtime }, path, configuration, tries);
    }
  }
}

/** After asking by `configuration` in vain: resolves at once if a newer one is known by now, else after a pause that grows with `tries`. */
export async function beforeAskingAgain(
  { holder, runtime }: Pick<Ports, "holder" | "runtime">,
  path: Path,
  { number }: Configuration,
  tries: number,
): Promise<void> {
  const known = holder.knownConfigurationOf(path);
  if (known !== undefined && known.number > number) return;
  await sleep(runtime.timers, backoffMs(runtime.random, RETRY_BASE_MS, tries, RETRY_MAX_MS));
}
