/** What disks and processes do, in words for a trace. */

import type { NodeWrites } from "../ports.ts";
import { formatBallot } from "../register/ballot.ts";
import { headCodec } from "../wire/codec.ts";
import { type AnswerBody, type Request, Want } from "../wire/messages.ts";

function versionOf(head: Uint8Array): string {
  return head.length === 0 ? "" : ` version ${headCodec.decode(head).current.version}`;
}

/** Nothing for commits without accepts. */
export function commitWords({ accepts }: NodeWrites): string | undefined {
  if (accepts.length === 0) return undefined;
  return accepts
    .map(
      ({ path, ballot, head, chosen }) => `${chosen ? "learns" : "accepts"} ${path}${versionOf(head)} at ${formatBallot(ballot)}`,
    )
    .join(", ");
}

/** Nothing for what is not about a file's register. */
export function answerWords(request: Request, answer: AnswerBody): string | undefined {
  const { prepare, accept, read, mutate, settle } = request;
  const about = prepare ?? accept ?? read ?? mutate ?? settle;
  if (!about) return undefined;
  const [kind, details] = prepare
    ? ["prepare", formatBallot(prepare.ballot)]
    : accept
      ? ["accept", `${formatBallot(accept.ballot)}${accept.next ? ` and promise ${accept.next}` : ""}`]
      : read
        ? ["read", read.want === Want.BALLOT ? "ballot" : "head"]
        : mutate
          ? ["mutate", `attempt ${mutate.attempt}`]
          : ["settle", ""];
  return `${kind} ${about.path} ${details}: ${outcomeWords(answer)}`;
}

function outcomeWords({ failure, promised, accepted, refused, held, mutated, settled }: AnswerBody): string {
  if (failure) return failure.code;
  const value = promised ?? held;
  if (value)
    return `${promised ? "promised, holds" : "holds"} ${formatBallot(value.ballot)}${versionOf(value.head)}${value.chosen ? ", chosen" : ""}`;
  if (accepted) return "accepted";
  if (refused) return `refused, floor ${formatBallot(refused.floor)}`;
  if (mutated) return mutated.outcome.refusal || `version ${mutated.outcome.version}, ${mutated.acks} acks`;
  if (settled) return `settled ${formatBallot(settled.ballot)}${versionOf(settled.head)}`;
  return "answered";
}
