import type { ErrorText } from "../../errors/base.ts";
import { IrisSessionError } from "../../errors/errors.ts";
import { plainLines, plainText } from "../../text/plain-text.ts";
import { readTranscript, type StepOutcome } from "./transcript.ts";

/** Where a session ran. */
export type SessionPlace = {
  readonly namespace: string;
  /** The container's name, for the command that opens the same session by hand. */
  readonly container?: string | undefined;
  /** How to create the namespace, for the error when it does not exist. */
  readonly creation?: string | undefined;
  /** How to wait for IRIS, for the error where it is still starting. */
  readonly waiting?: string | undefined;
};

/** The message for a script that is to run in a namespace that does not exist. */
export function missingNamespace(namespace: string): string {
  return `Namespace ${namespace} does not exist`;
}

/** True if the output of a session says that IRIS is still starting, and has run nothing. */
export function isStillStarting(output: string): boolean {
  return /^Sign-on inhibited: Startup/m.test(output);
}

/** The part of a script that IRIS refused. */
export type RefusedPart = {
  /** Such as `line 3 of the script` or `to drop namespace SHOP`. */
  readonly part: string;
  readonly words: string;
  /** How to fix it. @default to correct that part */
  readonly remedy?: string | undefined;
  readonly line?: number | undefined;
  readonly statement?: string | undefined;
  readonly sqlCode?: number | undefined;
  readonly output?: string | undefined;
  readonly errors?: readonly string[] | undefined;
};

const SHOWN_LENGTH = 500;
const SHOWN_LINES = 20;

/**
 * The steps of a script that ran to its end.
 * @param describe names the step as the author of the script knows it, with IRIS's words
 * @throws IrisSessionError for the first step that IRIS refused, and when the session ended before the script did
 */
export function readSteps(
  word: string,
  output: string,
  place: SessionPlace,
  describe: (step: StepOutcome, words: string) => RefusedPart,
): readonly StepOutcome[] {
  const transcript = readTranscript(word, output);
  const failed = transcript.steps.find(({ words, isEnded }) => words !== undefined || !isEnded);
  if (failed !== undefined) throw refused(place, describe(failed, failed.words ?? "the session ended here"));
  if (!transcript.isComplete) throw incomplete(place, transcript.rest);
  return transcript.steps;
}

/** The same failure with another first sentence and another remedy; the original is its cause. */
export function rephrased(error: IrisSessionError, text: Pick<ErrorText, "what" | "remedy">): IrisSessionError {
  const { state, namespace, words, line, statement, sqlCode, errors, output } = error;
  const failure = { state, namespace, words, line, statement, sqlCode, errors, output };
  return new IrisSessionError({ ...failure, ...text, cause: error });
}

function refused(place: SessionPlace, refusal: RefusedPart): IrisSessionError {
  const { part, words, remedy = `correct ${part}`, line, statement, sqlCode, output = "", errors } = refusal;
  const { namespace } = place;
  if (words === missingNamespace(namespace)) return noNamespace(place, words);
  const state = [
    ...(statement === undefined ? [] : [`Statement: ${shortened(plainText(statement))}`]),
    ...(errors ?? []).map((error) => `- ${plainText(error)}`),
    ...(output.trim() === "" ? [] : ["Its output ended with:", lastLines(plainLines(output.trimEnd()))]),
  ];
  return new IrisSessionError({
    what: `IRIS refused ${part} in namespace ${namespace}: ${plainText(words)}`,
    state: state.join("\n"),
    remedy: `${remedy}; to try it by hand: ${handSession(place)}`,
    namespace,
    words,
    line,
    statement,
    sqlCode,
    errors,
    output,
  });
}

function noNamespace({ namespace, container, creation }: SessionPlace, words: string): IrisSessionError {
  return new IrisSessionError({
    what: `${words}${container === undefined ? "" : ` in container ${container}`}.`,
    state: "Nothing was run.",
    remedy: `correct the name, or create the namespace: ${creation ?? `createNamespace("${namespace}")`}`,
    namespace,
    words,
  });
}

function incomplete(place: SessionPlace, rest: string): IrisSessionError {
  const words = lastLines(rest.trim()) || "the session ended without output";
  const { waiting } = place;
  const isStarting = waiting !== undefined && isStillStarting(words);
  return new IrisSessionError({
    what: `The session in namespace ${place.namespace} did not run its script: ${plainLines(words)}`,
    remedy: isStarting
      ? `wait until IRIS has started: ${waiting}`
      : `check whether IRIS accepts sessions: ${handSession(place)}`,
    namespace: place.namespace,
    words,
    output: rest,
  });
}

function handSession({ namespace, container }: SessionPlace): string {
  return `docker exec -it ${container ?? "<container>"} iris session IRIS -U ${namespace}`;
}

function shortened(text: string): string {
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}…`;
}

function lastLines(text: string): string {
  return text.split("\n").slice(-SHOWN_LINES).join("\n");
}
