import { summary } from "@actions/core";
import type { ListedAssignment } from "../../src/registry/assignment.ts";
import type { GivenBack } from "../give-back.ts";
import type { Claim, Outcome } from "../job/state.ts";
import { logText, messageOf, warn } from "./log.ts";

/** The content of the job's summary. */
export type SummaryFacts = {
  readonly claim: Claim;
  readonly outcome: Outcome | undefined;
  /** Undefined if the clean-up was not finished. */
  readonly given: GivenBack | undefined;
  readonly cleaned: readonly ListedAssignment[] | undefined;
};

/** Adds a short table to the summary of the job, if the runner supports summaries. */
export async function writeSummary(facts: SummaryFacts): Promise<void> {
  if (!process.env["GITHUB_STEP_SUMMARY"]) return;
  try {
    const rows = summaryRows(facts);
    const headings = rows.map(([data]) => ({ data, header: true }));
    await summary
      .addHeading("iris-ports", 4)
      .addTable([headings, rows.map(([, data]) => data)])
      .write();
  } catch (error) {
    warn(`The job's summary could not be written: ${messageOf(error)}`);
  }
}

function summaryRows({ claim, outcome, given, cleaned }: SummaryFacts): [string, string][] {
  const released = given?.assignments.find(({ status }) => status === "released");
  const project = outcome?.projectKey ?? released?.projectKey ?? claim.projectPath;
  const port = outcome?.port ?? released?.port;
  return [
    ["Port", port === undefined ? "none" : cell(String(port))],
    ["Project", cell(project)],
    ["Image", claim.image === null ? "none" : cell(claim.image)],
    ["Started in", outcome?.startedInMs == null ? "–" : `${(outcome.startedInMs / 1_000).toFixed(1)} s`],
    ["Released", given === undefined ? UNFINISHED : releasedText(given)],
    ["Cleaned", cleaned === undefined ? UNFINISHED : cleanedText(cleaned)],
  ];
}

const UNFINISHED = "not finished; left to the next job on this host";

function cleanedText(cleaned: readonly ListedAssignment[]): string {
  return cleaned.map((stale) => `${cell(stale.projectKey)} (${stale.port})`).join(", ") || "nothing";
}

function releasedText({ assignments, removedContainers }: GivenBack): string {
  const removed = removedContainers.map((name) => `; removed ${cell(name)}`).join("");
  if (assignments.length === 0) return `nothing was held${removed}`;
  return `${assignments.some(({ status }) => status === "released") ? "yes" : "no, others hold it"}${removed}`;
}

/**
 * Formatted as code, so that GitHub turns no part of a path or an image's name into a link, mention or picture, and on
 * one line.
 */
function cell(text: string): string {
  return `<code>${logText(text).replaceAll(/[&<>"'`|]/g, (character) => `&#${character.charCodeAt(0)};`)}</code>`;
}
