/** Many files at a time, but not too many, and not too many bytes: memory stays bounded whatever the tree. */

export interface Bounds {
  /** Items at a time. */
  readonly count: number;
  /** Weight at a time; an item that alone is heavier runs alone. */
  readonly weight: number;
}

/**
 * Runs `work` on every item. The first rejection stops the taking of new items and is thrown once the running ones have ended:
 * failures that should not stop the rest are `work`'s own business.
 */
export async function inParallel<Item>(
  items: AsyncIterable<Item>,
  bounds: Bounds,
  weigh: (item: Item) => number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let weight = 0;
  let failed = false;
  let failure: unknown;
  let oneEnded = (): void => {};
  for await (const item of items) {
    const own = Math.min(Math.max(weigh(item), 0), bounds.weight);
    while (!failed && (running.size >= bounds.count || (running.size > 0 && weight + own > bounds.weight)))
      await new Promise<void>((resolve) => {
        oneEnded = resolve;
      });
    if (failed) break;
    weight += own;
    const run: Promise<void> = work(item)
      .catch((error: unknown) => {
        if (!failed) failure = error;
        failed = true;
      })
      .finally(() => {
        weight -= own;
        running.delete(run);
        oneEnded();
      });
    running.add(run);
  }
  await Promise.all(running);
  if (failed) throw failure;
}
