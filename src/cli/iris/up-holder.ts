import { type ManualHolder, manualHolder } from "../../registry/holder.ts";
import { identifyDirectory } from "../../registry/host/directory-identity.ts";

/** What `up` leaves as the holder of the port and the container, until `down`, or until the directory is deleted. */
export async function upHolder(projectPath: string): Promise<ManualHolder> {
  const directory = await identifyDirectory(projectPath);
  return manualHolder({
    id: "up",
    description: "iris-ports up",
    usesContainer: true,
    ...(directory !== undefined && { directory }),
  });
}
