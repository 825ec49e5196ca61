import { withoutStrings } from "./statements.ts";

/** Where the %Status of a statement's last expression is found. */
export type StatusSource =
  /** In a variable that the statement sets. */
  | { readonly kind: "variable"; readonly name: string }
  /** In `ipValue`, when `code` is run instead of the statement. */
  | { readonly kind: "value"; readonly code: string }
  /** The same, but only if that method returns a %Status: others may return nothing. Its class is an expression. */
  | { readonly kind: "method"; readonly code: string; readonly className: string; readonly method: string };

/** How to check whether the last expression of a statement is a failed %Status; undefined if it cannot be one. */
export function statusOf(code: string): StatusSource | undefined {
  const { before, command, argument } = lastCommand(code) ?? { before: "", command: "", argument: "" };
  if (/^s(et)?$/i.test(command)) {
    const name = /^(%?[A-Za-z][A-Za-z0-9]*)\s*=(?!=)/.exec(argument)?.[1];
    return name === undefined || hasComma(argument) ? undefined : { kind: "variable", name };
  }
  if (/^(q(uit)?|ret(urn)?)$/i.test(command) && argument !== "" && !hasComma(argument))
    return { kind: "value", code: `${before}set ipValue=${argument}` };
  const isWrite = /^w(rite)?$/i.test(command);
  if (isWrite && /^%?[A-Za-z][A-Za-z0-9]*$/.test(argument)) return { kind: "variable", name: argument };
  const call = isCall(argument) ? argument : undefined;
  if (call === undefined) return undefined;
  if (isWrite) return { kind: "value", code: `${before}set ipValue=${call} write ipValue` };
  const target = calledMethod(call);
  return target && { kind: "method", code: `${before}set ipValue=${call}`, ...target };
}

/** The command that a statement ends with; none inside of blocks, because those may not have run. */
function lastCommand(code: string) {
  const bare = withoutBrackets(withoutStrings(code));
  if (bare.includes("{")) return undefined;
  const commands = [
    ...bare.matchAll(
      /(?<=^|[^\s=+\-*/_,<>&!'?#\\:]\s+)(s|set|d|do|w|write|q|quit|ret|return)\s+(?![=*/_,<>&!?\\]|#[^#])/gi,
    ),
  ];
  const last = commands.at(-1);
  if (last === undefined) return undefined;
  const { 0: text, 1: command = "", index } = last;
  return { before: code.slice(0, index), command, argument: code.slice(index + text.length).trim() };
}

function hasComma(argument: string): boolean {
  return withoutBrackets(withoutStrings(argument)).includes(",");
}

/** A single call of a method, and nothing after it. */
function isCall(argument: string): boolean {
  const bare = withoutBrackets(withoutStrings(argument));
  return /^(##class\(x*\)\.[\w%]+|\$system\.[\w.%]+|\$classmethod|\$\$[\w%^]+|%?\w+\.[\w%]+)\(x*\)$/i.test(bare);
}

function calledMethod(call: string): { className: string; method: string } | undefined {
  const [, className, method] = /^##class\(\s*([\w.%]+)\s*\)\.([\w%]+)\(/i.exec(call) ?? [];
  if (className !== undefined && method !== undefined) return { className: `"${fullName(className)}"`, method };
  const [, system, systemMethod] = /^\$system\.(\w+)\.(\w+)\(/i.exec(call) ?? [];
  if (system !== undefined && systemMethod !== undefined)
    return { className: `"%SYSTEM.${system}"`, method: systemMethod };
  const [, object, objectMethod] = /^(%?\w+)\.([\w%]+)\(/.exec(call) ?? [];
  if (object === undefined || objectMethod === undefined) return undefined;
  return { className: `$classname(${object})`, method: objectMethod };
}

function fullName(className: string): string {
  if (className.includes(".")) return className;
  return className.startsWith("%") ? `%Library.${className.slice(1)}` : `User.${className}`;
}

/** The code with the content of round brackets blanked, so that positions stay the same. */
function withoutBrackets(code: string): string {
  let depth = 0;
  return code
    .split("")
    .map((character) => {
      if (character === ")") depth -= 1;
      const shown = depth > 0 ? "x" : character;
      if (character === "(") depth += 1;
      return shown;
    })
    .join("");
}
