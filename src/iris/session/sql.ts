import { InvalidArgumentError } from "../../errors/errors.ts";
import { validNamespace } from "../names.ts";
import { enterNamespace, type SessionTask } from "./object-script.ts";
import { readSteps, type SessionPlace } from "./session-failure.ts";
import { type SqlParameter, sqlArgument } from "./sql-parameters.ts";
import { readRows, type SqlRow, WRITE_ROWS } from "./sql-rows.ts";
import { splitSql } from "./sql-text.ts";
import { ScriptBuilder } from "./transcript.ts";

/**
 * Runs SQL: one statement with parameters, or any number of them without. The result has the rows of the last statement
 * that returns any.
 * @throws InvalidArgumentError when there is no statement, or there are parameters for several of them
 */
export function sqlTask(sql: string, params: readonly SqlParameter[], place: SessionPlace): SessionTask<SqlRow[]> {
  const namespace = validNamespace(place.namespace);
  if (typeof sql !== "string") throw unusable("The SQL is not a string.", sql);
  if (!Array.isArray(params)) throw unusable("The parameters of the SQL statement are not an array.", sql);
  const statements = splitSql(sql);
  if (statements.length === 0) throw unusable("There is no SQL statement to run.", sql);
  if (statements.length > 1 && params.length > 0)
    throw unusable(`Parameters belong to one SQL statement, but there are ${statements.length}.`, sql);
  const builder = new ScriptBuilder();
  builder.step(enterNamespace(namespace));
  builder.set("ipArg", String(params.length));
  for (const [index, param] of params.entries()) builder.set(`ipArg(${index + 1})`, sqlArgument(param, index + 1));
  const steps = statements.map((statement) => {
    builder.set("ipSql", statement.sql);
    return { statement, step: builder.step(RUN_SQL) };
  });
  const statementOf = new Map(steps.map(({ step, statement }) => [step, statement]));
  const read = (output: string) => {
    const ran = readSteps(builder.word, output, { ...place, namespace }, ({ step }, words) => {
      const statement = statementOf.get(step);
      const part = statements.length > 1 && statement ? `the SQL in line ${statement.line}` : "the SQL statement";
      return { part, ...sqlWords(words), line: statement?.line, statement: statement?.sql };
    });
    const results = ran.filter(({ step }) => statementOf.has(step)).map(({ output: written }) => readRows(written));
    return results.findLast((rows) => rows !== undefined) ?? [];
  };
  return { script: builder.toString(), read };
}

const PREPARE =
  "set ipStatement=##class(%SQL.Statement).%New(1) set ipStatus=ipStatement.%Prepare(ipSql) if 'ipStatus { set ipFault=$system.Status.GetErrorText(ipStatus) }";
const FAULT = 'if ipResult.%SQLCODE<0 { set ipFault="SQLCODE: "_ipResult.%SQLCODE_" Message: "_ipResult.%Message }';
const RUN_SQL = `${PREPARE} else { set ipResult=ipStatement.%Execute(ipArg...) ${FAULT} elseif ipResult.%ResultColumnCount>0 { ${WRITE_ROWS} ${FAULT} } } kill ipStatement,ipResult`;

/**
 * Reads `ERROR #5540: SQLCODE: -30 Message: Table 'SQLUSER.SHOP' not found`, or the same without the part before
 * SQLCODE.
 */
export function sqlWords(text: string): { readonly words: string; readonly sqlCode: number | undefined } {
  const [, code, message] = /SQLCODE: *(-\d+)[\s,]*Message: *([\s\S]*)/.exec(text) ?? [];
  if (code === undefined) return { words: text, sqlCode: undefined };
  return { words: `SQLCODE ${code}: ${message?.trim() || "no message"}`, sqlCode: Number(code) };
}

function unusable(what: string, sql: unknown): InvalidArgumentError {
  return new InvalidArgumentError({
    what,
    remedy:
      "give runSql() one statement with its parameters, or several statements, separated by ; and without parameters",
    argument: "sql",
    value: sql,
  });
}
