import type { PortAssignment } from "./assignment.ts";
import { PortNotAssignedError } from "./errors.ts";
import type { PortRegistry } from "./registry.ts";

/**
 * Releases a port at the end of its use. Undefined if there is nothing left to release: it was released by force, cleared, or
 * removed by the Python tool meanwhile.
 */
export async function releaseIfAssigned(
  registry: PortRegistry,
  ...which: Parameters<PortRegistry["releasePort"]>
): Promise<PortAssignment | undefined> {
  try {
    return await registry.releasePort(...which);
  } catch (error) {
    if (error instanceof PortNotAssignedError) return undefined;
    throw error;
  }
}
