/** The error code of the operating system, e.g. `ENOENT`; empty if the cause carries none. */
export function osCode(cause: unknown): string {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  return typeof code === "string" ? code : "";
}
