/** A time that Python 3.9's `datetime.fromisoformat` can read: with an offset instead of `Z`. */
export function timeText(time: Date): string {
  return time.toISOString().replace("Z", "+00:00");
}

/** False for a local time, as the Python tool writes it. */
export function hasOffset(text: string): boolean {
  return /(Z|[+-]\d\d:?\d\d)$/.test(text);
}
