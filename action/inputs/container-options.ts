import { checkedOptions, type OptionTerms } from "../../src/docker/container-options.ts";
import { invalidInput } from "./input-values.ts";

/**
 * Options for `docker create`, written as on a command line, on one line or several.
 * @throws InvalidArgumentError when one is not allowed
 */
export function readContainerOptions(input: string, text: string): readonly string[] {
  const refusal: OptionTerms["refusal"] = (value, problem, remedy) => invalidInput(input, value, problem, remedy);
  const terms = {
    ports: "`container-port` and `web-port`",
    environment: "`container-env`",
    pull: "the input `pull`",
    refusal,
  };
  return checkedOptions(splitWords(text, refusal), terms);
}

/** As a shell does it, with single and double quotes; nothing is expanded. */
function splitWords(text: string, refusal: OptionTerms["refusal"]): string[] {
  const words: string[] = [];
  for (const [word, rest] of text.matchAll(/((?:[^\s"']|"[^"]*"|'[^']*')+)|["']/g)) {
    if (rest === undefined) throw refusal(text, "has an unclosed quotation mark", "close it");
    words.push(
      word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ""),
    );
  }
  return words;
}
