import { type ManualHolder, manualHolder } from "../../registry/holder.ts";
import { identifyDirectory } from "../../registry/host/directory-identity.ts";

/** The id of the holder that `up` leaves, the same for every project. */
export const UP_HOLDER_ID = "up";

/** What `up` leaves as the holder of the port and the container, until `down`, or until the directory is deleted. */
export async function upHolder(projectPath: string): Promise<ManualHolder> {
  const directory = await identifyDirectory(projectPath);
  return manualHolder({
    id: UP_HOLDER_ID,
    description: "iris-ports up",
    usesContainer: true,
    ...(directory !== undefined && { directory }),
  });
}
