/**
 * Text as an ObjectScript expression in printable ASCII: quotes doubled, everything else that is not printable ASCII
 * through `$char()`, so that neither a session's character set nor a line break can change what IRIS reads.
 */
export function objectScriptString(text: string): string {
  const parts: string[] = [];
  for (const run of text.match(/[ -~]+|[^ -~]+/g) ?? [""]) {
    const codes = Array.from({ length: run.length }, (_, index) => run.charCodeAt(index));
    parts.push(/^[ -~]*$/.test(run) ? `"${run.replaceAll('"', '""')}"` : `$char(${codes.join(",")})`);
  }
  return parts.join("_");
}
