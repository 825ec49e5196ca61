import { DEFAULT_IRIS_IMAGE } from "./image.ts";

/** The log line after which sessions can be tried. Port 1972 opens before it, and logons are enabled shortly after it. */
export const READY_LINE = /\[INFO\] \.\.\.started InterSystems IRIS instance/;

/** The first log line of a start; lines before it belong to an earlier start. */
export const START_LINE = "[INFO] Starting InterSystems IRIS instance";

/** Why a start failed, and how to fix it. */
export type LogDiagnosis = {
  readonly what: string;
  readonly remedy: string;
  /** The licence may have been refused because the container has too many cores. */
  readonly mayBeTooManyCores?: true;
};

/**
 * The failure in the log of a container, if there is one. If a container was started several times, only the last start
 * counts.
 */
export function diagnoseLog(log: string): LogDiagnosis | undefined {
  const lines = lastStart(log);
  const license = lines.find((line) => /Invalid Community Edition license/.test(line));
  if (license !== undefined)
    return {
      what: `IRIS refuses its licence: "${wordsOf(license)}".`,
      remedy: LICENSE_REMEDY,
      mayBeTooManyCores: true,
    };
  const fatal = lines.find((line) => line.includes("[FATAL]"));
  if (fatal === undefined) return undefined;
  const causes = lines.filter((line) => line.includes("[ERROR]")).map(wordsOf);
  const known = CAUSES.find(([pattern]) => [wordsOf(fatal), ...causes].some((words) => pattern.test(words)));
  const because = causes.length > 0 ? ` (${causes.slice(-3).join("; ")})` : "";
  const what = `IRIS failed to start: "${wordsOf(fatal)}"${because}.`;
  return { what, remedy: known?.[1] ?? LOG_REMEDY };
}

const LICENSE_REMEDY =
  "use a current image, because the licence in a Community image expires about 150 days after its publication " +
  `(docker pull ${DEFAULT_IRIS_IMAGE})`;
/** The remedy for a failure that only the container's log explains. */
export const LOG_REMEDY = "correct what the last lines of its log report";

/** @see https://docs.intersystems.com/irislatest/csp/docbook/DocBook.UI.Page.cls?KEY=ADOCK_iris_iscmain */
const CAUSES: readonly (readonly [RegExp, string])[] = [
  [
    /permission denied|not writable|cannot create|could not create/i,
    "make the directory of ISC_DATA_DIRECTORY, and every file bound into the container, accessible to uid 51773",
  ],
  [/no space left|I\/O error/i, "free disk space on the engine's host: docker system df shows what uses it"],
  [
    /capabilit/i,
    'IRIS lacks Linux capabilities: grant them, or start 2021 and 2022.1 images with "--check-caps false"',
  ],
  [/licen[cs]e|iris\.key/i, "check that the licence key fits the image, its edition and the number of cores"],
  [
    /memory|shmget|huge ?page/i,
    'give the engine more memory, or cap the buffers: "[config]\\nglobals=0,0,256,0,0,0" in a CPF merge file',
  ],
];

function lastStart(log: string): string[] {
  const lines = log.split(/\r?\n/);
  const start = lines.findLastIndex((line) => line.includes(START_LINE));
  return lines.slice(Math.max(0, start));
}

/** A log line without its time, process and `[kind]`, and without a full stop. */
function wordsOf(line: string): string {
  return line
    .replace(/^.*?\[[\w.]+\]\s*/, "")
    .replace(/^Error:\s*/, "")
    .replace(/[\s.]+$/, "");
}
