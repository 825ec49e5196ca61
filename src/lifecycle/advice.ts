import type { LogDiagnosis } from "../iris/log-lines.ts";
import type { Diagnosis } from "./start-failure.ts";

/** The terms that messages use for users of the library, the action or the command line. */
export type Advice = {
  /** How to get a second container beside this one. */
  readonly instance: string;
  /** How to give a start more time. */
  readonly moreTime: string;
  /** The settings of user, password and namespace. */
  readonly login: string;
  /** How to have a missing image pulled. */
  readonly pull: string;
  /** What to do on a host with more cores than the licence of Community Edition permits. */
  readonly fewerCores: string;
  /** The setting of the init scripts. */
  readonly initScripts: string;
  /** How to publish the web server. */
  readonly webPort: string;
};

/** For users of the library. */
export const LIBRARY_ADVICE: Advice = {
  instance: "withInstance(name)",
  moreTime: "withStartupTimeout(milliseconds)",
  login: "withUsername(), withPassword() or withNamespace()",
  pull: "leave withPullPolicy() out",
  // Testcontainers has no such option.
  fewerCores: "start it with `npx iris-ports up --container-option=--cpuset-cpus=0-19`, and let the tests join it",
  initScripts: "withInitScripts()",
  webPort: "withWebPort()",
};

/** What IRIS's log says, with a remedy that the user can follow. */
export function advised(diagnosis: LogDiagnosis | undefined, advice: Advice): Diagnosis | undefined {
  if (!diagnosis?.mayBeTooManyCores) return diagnosis;
  const remedy = `${diagnosis.remedy}; on a host with more than 20 cores, ${advice.fewerCores}`;
  return { what: diagnosis.what, remedy };
}
