const REPLACED = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Text that IRIS encoded as UTF-8 and base64, in one or more runs that are separated by anything else. IRIS encodes
 * each half of a surrogate pair separately, which no decoder of UTF-8 accepts.
 */
export function decodeBase64(text: string): string {
  const runs = text.match(/[A-Za-z0-9+/]+={0,2}/g) ?? [];
  return runs.map((run) => decode(Buffer.from(run, "base64"))).join("");
}

function decode(bytes: Buffer): string {
  if (!bytes.includes(0xed)) return REPLACED.decode(bytes);
  const units: string[] = [];
  let start = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const [first, second = 0, third = 0] = bytes.subarray(index, index + 3);
    if (first !== 0xed || second < 0xa0) continue;
    units.push(REPLACED.decode(bytes.subarray(start, index)));
    units.push(String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f)));
    start = index + 3;
    index += 2;
  }
  return units.join("") + REPLACED.decode(bytes.subarray(start));
}
