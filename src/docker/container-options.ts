/** Options of `docker create` that take no value. */
const FLAGS = /^--(init|privileged|read-only|no-healthcheck|oom-kill-disable|interactive|tty)$/;

/** The long names of short options; other short options are refused, because one word can combine several. */
const SHORT: Readonly<Record<string, string>> = {
  "-c": "--cpu-shares",
  "-h": "--hostname",
  "-m": "--memory",
  "-u": "--user",
  "-v": "--volume",
  "-w": "--workdir",
};

/** What users write in place of an option that is refused, and the error for it. */
export type OptionTerms = {
  readonly ports: string;
  readonly environment: string;
  readonly pull: string;
  readonly refusal: (value: string, problem: string, remedy: string) => Error;
};

/** Options that would remove the container from the registry's control, and why. */
const REFUSED: readonly (readonly [RegExp, (terms: OptionTerms) => string])[] = [
  [/^--(name|label|label-file|cidfile)$/, () => "the container is recognised by its name and labels"],
  [/^--(publish|publish-all|expose)$|^-[pP]$/, ({ ports }) => `the registry assigns the ports; see ${ports}`],
  [
    /^--(env|env-file)$|^-e$/,
    ({ environment }) => `arguments can be read by every user of the host; use ${environment}`,
  ],
  [/^--(rm|restart|detach|attach|help)$|^-[dal]$/, () => "iris-ports starts and removes the container"],
  [/^--pull$/, ({ pull }) => `use ${pull}`],
];
/** Networks that publish no ports. */
const PORTLESS_NETWORK = /^(host|none|container:.*)$/;

/**
 * Options for `docker create`, given as the words of a command line. Each is returned as one word, `--name=value`, so
 * that no option can take the next word as its value.
 * @throws the refusal of a word that is not an option, lacks its value, or would change name, labels, ports or lifetime
 * of the container
 */
export function checkedOptions(words: readonly string[], terms: OptionTerms): readonly string[] {
  const options: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const [, written = "", assigned] = /^([^=]+)(?:=([\s\S]*))?$/.exec(words[index] as string) ?? [];
    const name = SHORT[written] ?? written;
    checkOption(name, terms);
    if (FLAGS.test(name) && assigned === undefined) options.push(name);
    else options.push(`${name}=${checkValue(name, assigned ?? valueIn(words[++index]), terms)}`);
  }
  return options;
}

/** A separate word that is the value of the option before it. */
function valueIn(word: string | undefined): string | undefined {
  return word?.startsWith("-") ? undefined : word;
}

function checkValue(name: string, value: string | undefined, { refusal }: OptionTerms): string {
  if (value === undefined)
    throw refusal(name, "has an option without its value", "write each option as `--name=value`");
  if (/^--net(work)?$/.test(name) && PORTLESS_NETWORK.test(value))
    throw refusal(`${name}=${value}`, "names a network without ports", "choose a bridge network");
  return value;
}

function checkOption(name: string, terms: OptionTerms): void {
  const reason = REFUSED.find(([pattern]) => pattern.test(name))?.[1];
  if (reason !== undefined)
    throw terms.refusal(name, "has an option that is not allowed", `leave it out: ${reason(terms)}`);
  if (!/^--[a-z][a-z0-9-]+$/.test(name)) {
    throw terms.refusal(
      name,
      "has a word that is not an option of `docker create`",
      "write options in full, such as `--memory=2g` or `--cap-add=IPC_LOCK`",
    );
  }
}
