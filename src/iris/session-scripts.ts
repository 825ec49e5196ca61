import { InvalidArgumentError } from "../errors/errors.ts";
import { validNamespace, validPassword, validUsername } from "./names.ts";
import { objectScriptString } from "./objectscript.ts";

/** The command that reads a session script on stdin. `docker exec` runs it as the instance's owner, without a password. */
export const SESSION_COMMAND: readonly string[] = ["iris", "session", "IRIS", "-U", "%SYS"];

/** The steps of a session script; each one writes its own marker line. */
export type SetupStep = "ping" | "passwords" | "user" | "namespace" | "end";

/** The user and namespace to set up in IRIS; missing ones are not changed. */
export type SetupOptions = {
  /** Created with the role %ALL; if the user exists (such as `_SYSTEM`), its password is set. Needs `password`. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Created with its database unless it exists. */
  readonly namespace?: string | undefined;
};

/** A script that only answers, which shows that IRIS accepts sessions. */
export function pingScript(): string {
  return script([report("ping", '"OK"')]);
}

/**
 * A script for {@link SESSION_COMMAND} that lifts the password change IRIS demands at the first login, and creates the
 * user and the namespace. It may run any number of times, and in two sessions at once.
 * @throws InvalidArgumentError when a name or the password is not usable, or one of user and password is missing
 */
export function setupScript(options: SetupOptions = {}): string {
  const statements = [report("ping", '"OK"'), ...attempt("passwords", UNEXPIRE_PASSWORDS)];
  if ((options.username === undefined) !== (options.password === undefined)) {
    throw new InvalidArgumentError({
      argument: options.username === undefined ? "username" : "password",
      value: undefined,
      what: "An IRIS user needs both a name and a password, but only one was given.",
      remedy: "give both, or none to keep the users that the image has",
    });
  }
  if (options.username !== undefined && options.password !== undefined) {
    const username = objectScriptString(validUsername(options.username));
    // A separate statement, because IRIS prints a line that it cannot parse; this one it can always parse.
    statements.push(`set ipPassword=${objectScriptString(validPassword(options.password))}`);
    statements.push(...attempt("user", createUser(username)), "kill ipPassword");
  }
  if (options.namespace !== undefined) {
    statements.push(...attempt("namespace", createNamespace(validNamespace(options.namespace))));
  }
  return script(statements);
}

const UNEXPIRE_PASSWORDS = `set ipStatus=##class(Security.Users).UnExpireUserPasswords("*") ${faultOf("ipStatus")}`;

function createUser(name: string): string {
  const exists = `##class(Security.Users).Exists(${name})`;
  const properties =
    'kill ipUser set ipUser("Password")=ipPassword,ipUser("ChangePassword")=0,ipUser("PasswordNeverExpires")=1';
  return [
    `set ipStatus=0,ipHad=${exists}`,
    `if 'ipHad { set ipStatus=##class(Security.Users).Create(${name},"%ALL",ipPassword) }`,
    // Also if the creation failed because another session was faster.
    `if ipHad||('ipStatus&&${exists}) { ${properties} set ipStatus=##class(Security.Users).Modify(${name},.ipUser) }`,
    faultOf("ipStatus"),
  ].join(" ");
}

function createNamespace(name: string): string {
  const exists = `##class(%SYS.Namespace).Exists("${name}")`;
  return [
    'set ipFault=""',
    `if '${exists} {`,
    `set ipResult=##class(%SQL.Statement).%ExecDirect(,"CREATE DATABASE ${name}")`,
    `if (ipResult.%SQLCODE<0)&&'${exists} { set ipFault="SQLCODE "_ipResult.%SQLCODE_": "_ipResult.%Message }`,
    "}",
  ].join(" ");
}

function faultOf(status: string): string {
  return `set ipFault=$select($system.Status.IsOK(${status}):"",1:$system.Status.GetErrorText(${status}))`;
}

/** `code` leaves `ipFault` empty on success. The marker is written even after a syntax error. */
function attempt(step: SetupStep, code: string): string[] {
  const words = '"ERR:"_$translate(ipFault,$char(13,10),"  ")';
  return [
    "kill ipFault",
    `try { ${code} } catch ipException { set ipFault=ipException.DisplayString() }`,
    report(step, `$select('$data(ipFault):"ERR:IRIS did not carry out this step",ipFault="":"OK",1:${words})`),
  ];
}

/** IRIS assembles the marker, so that an echo of the script does not count as its answer. */
function report(step: SetupStep, outcome: string): string {
  return `write !,"IRISPORTS"_":${step}:"_${outcome},!`;
}

function script(statements: readonly string[]): string {
  return [...statements, report("end", '"OK"'), "halt", ""].join("\n");
}
