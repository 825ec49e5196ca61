import type { Advice } from "../../lifecycle/advice.ts";
import { commandText } from "../../settings/command-text.ts";

/** For users of the command line: the names of its options. */
export const cliAdvice = (): Advice => ({
  instance: "--instance <name>",
  moreTime: "--start-timeout <duration>",
  login: "--username, --password-file or --namespace",
  pull: "leave --pull out",
  webPort: "--web-port",
  fewerCores: "limit the container with --container-option=--cpuset-cpus=0-19",
  initScripts: `the script on the standard input of \`${commandText(["session"])}\``,
});
