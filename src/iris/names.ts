import { InvalidArgumentError } from "../errors/errors.ts";
import { hasControlCharacter, shown } from "../settings/checks.ts";

/**
 * The namespace in capitals, as IRIS keeps it.
 * An existing namespace may have a `%` or `-` in its name; `CREATE DATABASE` refuses a `-` in a new one.
 * @throws InvalidArgumentError unless it is 1 to 63 letters, digits, `_` and `-`, beginning with a letter or `%`
 * @see https://docs.intersystems.com/irislatest/csp/docbook/DocBook.UI.Page.cls?KEY=RSQL_createdatabase
 */
export function validNamespace(namespace: string): string {
  if (typeof namespace === "string" && /^[A-Za-z%][A-Za-z0-9_-]{0,62}$/.test(namespace)) return namespace.toUpperCase();
  throw new InvalidArgumentError({
    argument: "namespace",
    value: namespace,
    what: `${shown(namespace)} is not a valid name of an IRIS namespace.`,
    remedy: 'use 1 to 63 letters, digits, "_" and "-", beginning with a letter or "%", for example "SHOP"',
  });
}

/**
 * The user name, unchanged.
 * @throws InvalidArgumentError unless it is 1 to 128 letters, digits and `_ % . @ -`, beginning with a letter, digit, `_` or `%`
 */
export function validUsername(username: string): string {
  if (typeof username === "string" && /^[A-Za-z0-9_%][A-Za-z0-9_%.@-]{0,127}$/.test(username)) return username;
  throw new InvalidArgumentError({
    argument: "username",
    value: username,
    what: `${shown(username)} is not a valid name of an IRIS user.`,
    remedy: 'use 1 to 128 letters, digits and "_", "%", ".", "@", "-", beginning with a letter, a digit, "_" or "%"',
  });
}

/**
 * The password, unchanged. IRIS itself checks its length, because the policy can be configured.
 * @throws InvalidArgumentError when it is empty, longer than 128 characters, not well-formed or contains control
 * characters; the error does not show it
 */
export function validPassword(password: string): string {
  const isUsable = typeof password === "string" && password !== "" && password.length <= 128 && password.isWellFormed();
  if (isUsable && !hasControlCharacter(password) && !/[\u2028\u2029]/.test(password)) return password;
  throw new InvalidArgumentError({
    argument: "password",
    value: "(not shown)",
    what: "The password for the IRIS user is empty, too long, or contains control characters.",
    remedy: "use 1 to 128 characters without line breaks or other control characters (IRIS itself asks for 3 to 32)",
  });
}
