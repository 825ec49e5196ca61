import { IrisRegistryContainer, PortExhaustedError, type SqlRow } from "iris-ports";
import { PortRegistry } from "iris-ports/ports";

export async function rows(): Promise<SqlRow[]> {
  const registry = new PortRegistry({ engine: false });
  const iris = await new IrisRegistryContainer().withRegistry(registry).start();
  try {
    return await iris.runSql("SELECT ? AS one", [1], { namespace: "USER" });
  } catch (error) {
    if (error instanceof PortExhaustedError) console.log(error.assignments[0]?.port.toFixed());
    throw error;
  }
}
