import type { HolderRecord, RegistryDocument } from "./document.ts";

/**
 * Whether a change concerns data that outlives a restart of the machine: manual holders, holders with an expiry, and data of
 * other tools. Data about processes is worthless after a power failure.
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
