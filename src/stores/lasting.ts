import type { HolderRecord, RegistryDocument } from "./document.ts";

/**
 * Whether a change concerns what a restart of the machine does not end: manual holders, those that end at a time of
 * their own, and what others keep in the document. What only concerns processes means nothing after a power failure.
 */
export function isLasting(before: RegistryDocument, after: RegistryDocument): boolean {
  if (before.unknown !== after.unknown) return true;
  for (const [key, holders] of after.holders)
    if (before.holders.get(key) !== holders && [holders, before.holders.get(key) ?? []].flat().some(outlivesBoot))
      return true;
  for (const [key, holders] of before.holders) if (!after.holders.has(key) && holders.some(outlivesBoot)) return true;
  return false;
}

function outlivesBoot({ process, expires_at }: HolderRecord): boolean {
  return process === undefined || expires_at !== undefined;
}
