import type { Advice } from "../src/lifecycle/advice.ts";

/** For users of the action: the names of its inputs. */
export const ACTION_ADVICE: Advice = {
  instance: "the input `instance`",
  moreTime: "the input `start-timeout`",
  login: "the inputs `username`, `password` or `namespace`",
  pull: "set `pull: missing`",
  fewerCores: "limit the container with `container-options: --cpuset-cpus=0-19`",
  initScripts: "the input `init-scripts`",
  webPort: "`web-port: true`",
};
