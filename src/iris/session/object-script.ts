import { InvalidArgumentError } from "../../errors/errors.ts";
import { validNamespace } from "../names.ts";
import { missingNamespace, readSteps, type SessionPlace } from "./session-failure.ts";
import { type Statement, splitStatements } from "./statements.ts";
import { type StatusSource, statusOf } from "./status-of.ts";
import { ScriptBuilder } from "./transcript.ts";

/** A script for a session of `%SYS` and how to read what the session writes. */
export type SessionTask<Result> = {
  readonly script: string;
  /** @throws IrisSessionError when IRIS refused a part of it */
  readonly read: (output: string) => Result;
};

/**
 * Runs ObjectScript as if it were typed into a session, statement by statement, and returns what it writes. The first
 * error ends it. It also fails if the last statement's last expression is a failed %Status.
 * @param source the script's text, or its lines
 */
export function objectScriptTask(source: string | readonly string[], place: SessionPlace): SessionTask<string> {
  const namespace = validNamespace(place.namespace);
  const lines: readonly unknown[] = Array.isArray(source) ? source : [source];
  if (!lines.every((line) => typeof line === "string")) throw unusable(source);
  const statements = splitStatements(lines.join("\n"));
  const builder = new ScriptBuilder();
  const statementOf = new Map<number, Statement>();
  builder.step(enterNamespace(namespace));
  for (const [index, statement] of statements.entries()) {
    const { code } = statement;
    const status = index === statements.length - 1 ? statusOf(code) : undefined;
    builder.set("ipCode", status?.kind === "value" ? status.code : code);
    if (status?.kind === "method") preferValue(builder, status);
    statementOf.set(builder.step("xecute ipCode"), statement);
    if (status !== undefined) statementOf.set(builder.step(checkStatus(status)), statement);
  }
  const read = (output: string) => {
    const steps = readSteps(builder.word, output, { ...place, namespace }, ({ step, output: written }, words) => {
      const statement = statementOf.get(step);
      const part = statement === undefined ? "the script" : `line ${statement.line} of the script`;
      return { part, words, line: statement?.line, statement: statement?.code, output: written };
    });
    return steps.map(({ step, output: written }) => (statementOf.has(step) ? written : "")).join("");
  };
  return { script: builder.toString(), read };
}

function unusable(source: unknown): InvalidArgumentError {
  return new InvalidArgumentError({
    what: "The ObjectScript is not a string.",
    remedy: "give runObjectScript() a string, or an array of lines",
    argument: "script",
    value: source,
  });
}

/** Code of a step that makes a namespace the current one. */
export function enterNamespace(namespace: string): string {
  return `if '##class(%SYS.Namespace).Exists("${namespace}") { set ipFault="${missingNamespace(namespace)}" } else { set $namespace="${namespace}" }`;
}

/** The method's value is used if it is a %Status; a method that returns nothing could only be run with `do`. */
function preferValue(builder: ScriptBuilder, status: StatusSource & { readonly kind: "method" }): void {
  builder.set("ipWithValue", status.code);
  const id = `${status.className}_"||${status.method}"`;
  builder.step(
    `kill ipValue try { set ipMethod=##class(%Dictionary.CompiledMethod).%OpenId(${id}) if $isobject(ipMethod),ipMethod.ReturnType="%Library.Status" { set ipCode=ipWithValue } } catch ipError { } kill ipMethod`,
  );
}

/** A failed %Status is "0 " and a list; other values, even false ones, are not. */
function checkStatus(status: StatusSource): string {
  const value = `$get(${status.kind === "variable" ? status.name : "ipValue"})`;
  return `set ipStatus=${value} if $extract(ipStatus,1,2)="0 ",$listvalid($extract(ipStatus,3,*)) { set ipFault=$system.Status.GetErrorText(ipStatus) }`;
}
