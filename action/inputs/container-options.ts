import { invalidInput } from "./input-values.ts";

/** Options of `docker create` that take no value. */
const FLAGS = /^--(init|privileged|read-only|no-healthcheck|oom-kill-disable|interactive|tty)$/;

/** What short options are called in full; others are refused, because several of them can stand in one word. */
const SHORT: Readonly<Record<string, string>> = {
  "-c": "--cpu-shares",
  "-h": "--hostname",
  "-m": "--memory",
  "-u": "--user",
  "-v": "--volume",
  "-w": "--workdir",
};

/** Options that would take the container out of the registry's hands, and why. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/^--(name|label|label-file|cidfile)$/, "the action recognises the container by its name and labels"],
  [/^--(publish|publish-all|expose)$|^-[pP]$/, "the registry assigns the ports; see `container-port` and `web-port`"],
  [/^--(env|env-file)$|^-e$/, "arguments can be read by every user of the host; use `container-env`"],
  [/^--(rm|restart|detach|attach|help)$|^-[dal]$/, "the action starts and removes the container"],
  [/^--pull$/, "use the input `pull`"],
];
/** Networks that publish no ports. */
const PORTLESS_NETWORK = /^(host|none|container:.*)$/;

/**
 * Options for `docker create`, written as on a command line, on one line or several. Each is returned as one word,
 * `--name=value`, so that none can take the next one for its value.
 * @throws InvalidArgumentError when one is not an option, lacks its value, or would change name, labels, ports or lifetime of the container
 */
export function readContainerOptions(input: string, text: string): readonly string[] {
  const words = splitWords(input, text);
  const options: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const [, written = "", assigned] = /^([^=]+)(?:=([\s\S]*))?$/.exec(words[index] as string) ?? [];
    const name = SHORT[written] ?? written;
    checkOption(input, name);
    if (FLAGS.test(name) && assigned === undefined) options.push(name);
    else options.push(`${name}=${checkValue(input, name, assigned ?? valueIn(words[++index]))}`);
  }
  return options;
}

/** A word of its own that is the value of the option before it. */
function valueIn(word: string | undefined): string | undefined {
  return word?.startsWith("-") ? undefined : word;
}

function checkValue(input: string, name: string, value: string | undefined): string {
  if (value === undefined)
    throw invalidInput(input, name, "has an option without its value", "write each option as `--name=value`.");
  if (/^--net(work)?$/.test(name) && PORTLESS_NETWORK.test(value))
    throw invalidInput(input, `${name}=${value}`, "names a network without ports", "choose a bridge network.");
  return value;
}

function checkOption(input: string, name: string): void {
  const reason = REFUSED.find(([pattern]) => pattern.test(name))?.[1];
  if (reason !== undefined)
    throw invalidInput(input, name, "has an option that is not allowed", `leave it out: ${reason}.`);
  if (!/^--[a-z][a-z0-9-]+$/.test(name)) {
    throw invalidInput(
      input,
      name,
      "has a word that is not an option of `docker create`",
      "write options in full, such as `--memory=2g --cap-add=IPC_LOCK`.",
    );
  }
}

/** As a shell does it, with single and double quotes; nothing is expanded. */
function splitWords(input: string, text: string): string[] {
  const words: string[] = [];
  for (const [word, rest] of text.matchAll(/((?:[^\s"']|"[^"]*"|'[^']*')+)|["']/g)) {
    if (rest === undefined) throw invalidInput(input, text, "has a quotation mark without its pair", "close it.");
    words.push(
      word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ""),
    );
  }
  return words;
}
