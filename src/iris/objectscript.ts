/**
 * Text as an ObjectScript expression in printable ASCII: quotes are doubled, and other characters are written with
 * `$char()`, so that neither the session's character set nor a line break can change the value.
 */
export function objectScriptString(text: string): string {
  const parts: string[] = [];
  for (const run of text.match(/[ -~]+|[^ -~]+/g) ?? [""]) {
    const codes = Array.from({ length: run.length }, (_, index) => run.charCodeAt(index));
    parts.push(/^[ -~]*$/.test(run) ? `"${run.replaceAll('"', '""')}"` : `$char(${codes.join(",")})`);
  }
  return parts.join("_");
}
