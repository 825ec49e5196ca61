import library = require("iris-ports");
import ports = require("iris-ports/ports");

export async function rows(): Promise<library.SqlRow[]> {
  const registry = new ports.PortRegistry({ engine: false });
  const iris = await new library.IrisRegistryContainer().withRegistry(registry).start();
  try {
    return await iris.runSql("SELECT ? AS one", [1], { namespace: "USER" });
  } catch (error) {
    if (error instanceof library.PortExhaustedError) console.log(error.assignments[0]?.port.toFixed());
    throw error;
  }
}
