/** How users of the library, the action and the command line follow the advice of a message. */
export type Advice = {
  /** What gives a second container beside this one. */
  readonly instance: string;
  /** What gives a start more time. */
  readonly moreTime: string;
  /** What names user, password and namespace. */
  readonly login: string;
  /** What lets a missing image be pulled. */
  readonly pull: string;
  /** What names the init scripts. */
  readonly initScripts: string;
  /** What has the web server published. */
  readonly webPort: string;
};

/** For users of the library. */
export const LIBRARY_ADVICE: Advice = {
  instance: "withInstance(name)",
  moreTime: "withStartupTimeout(milliseconds)",
  login: "withUsername(), withPassword() or withNamespace()",
  pull: "leave withPullPolicy() out",
  initScripts: "withInitScripts()",
  webPort: "withWebPort()",
};
