import { QdfsError } from "../base/errors.ts";
import { type NodeNumber, type Path, parseNodeName } from "../base/ids.ts";
import { LIST_PAGE_MAX } from "../limits.ts";
import type { ListEntry, ListKind } from "../wire/messages.ts";
import type { SuperNodes } from "./super-node.ts";
import type { ListOptions } from "./types.ts";

/**
 * The entries under a prefix in byte order of path, fetched page by page as they are iterated. What is known about the whole
 * (`incomplete`, `ageMs`, `prefixIsFile`) is right once the iteration has ended.
 */
export class Listing implements AsyncIterable<ListEntry> {
  /** Empty: every put that had returned before the listing began is in it. Else what may be missing, in words. */
  incomplete = "";
  /** How old an eventual listing may be, ms. */
  ageMs = 0;
  /** The prefix itself names a file, which is the one entry. */
  prefixIsFile = false;
  readonly #superNodes: SuperNodes;
  readonly #prefix: Path;
  readonly #kind: ListKind;
  readonly #options: ListOptions;
  readonly #node: NodeNumber;

  constructor(superNodes: SuperNodes, prefix: Path, kind: ListKind, options: ListOptions) {
    this.#superNodes = superNodes;
    this.#prefix = prefix;
    this.#kind = kind;
    this.#options = options;
    this.#node = options.node === undefined ? 0 : nodeNumber(options.node);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ListEntry, undefined> {
    const { recursive = false, limit = Number.POSITIVE_INFINITY, eventual = false } = this.#options;
    let after = this.#options.after ?? "";
    let left = limit;
    for (let more = true; more && left > 0; ) {
      const request = {
        prefix: this.#prefix,
        recursive,
        node: this.#node,
        limit: Math.min(left, LIST_PAGE_MAX),
        after,
        eventual,
        kind: this.#kind,
      };
      const page = await this.#superNodes.call((server) => server.list(request));
      this.incomplete ||= page.incomplete;
      this.ageMs = Math.max(this.ageMs, page.ageMs);
      this.prefixIsFile ||= page.prefixIsFile;
      yield* page.entries;
      left -= page.entries.length;
      after = page.entries.at(-1)?.path ?? after;
      more = page.more && page.entries.length > 0;
    }
  }
}

function nodeNumber(node: string | number): NodeNumber {
  const number = parseNodeName(String(node));
  if (number === undefined) throw new QdfsError("BAD_USAGE", `${node} is no DataNode's name; they are called dn-1, dn-2, …`);
  return number;
}
