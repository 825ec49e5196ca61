/**
 * Text in UTF-8, without its byte order mark.
 * @throws Error for other bytes, each of which would silently become a replacement character
 */
export function utf8Text(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error("it is not UTF-8 text", { cause });
  }
}
