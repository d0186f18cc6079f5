/** Operating failures on the wire: a QdfsError goes in, the same QdfsError comes out on the other side. */
import { type Details, isErrorCode, QdfsError } from "../base/errors.ts";
import type { AnswerBody, Failure } from "./messages.ts";

/** Deeper or larger details are of no use to anyone and are left out. */
const DETAILS_CHARS_MAX = 16 * 1024;

function detailsText(details: Details): string {
  try {
    const text = JSON.stringify(details);
    return text === "{}" || text.length > DETAILS_CHARS_MAX ? "" : text;
  } catch {
    return "";
  }
}

function parseDetails(text: string): Details {
  if (text === "" || text.length > DETAILS_CHARS_MAX) return {};
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : {};
  } catch {
    return {};
  }
}

export function failureOf(error: QdfsError): Failure {
  // A message may quote anything; what UTF-8 cannot carry would make the whole answer unreadable.
  return { code: error.code, message: error.message.toWellFormed(), details: detailsText(error.details) };
}

export function failureAnswer(error: QdfsError): AnswerBody {
  return { failure: failureOf(error) };
}

/** The other way. A code that this version does not know, or none, is BUG: it says nothing about what was done. */
export function errorOf(failure: Failure): QdfsError {
  const details = parseDetails(failure.details);
  if (isErrorCode(failure.code)) return new QdfsError(failure.code, failure.message, details);
  return new QdfsError("BUG", `${failure.code}: ${failure.message}`, details);
}
