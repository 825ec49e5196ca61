// Starts an IRIS, works with it, and stops it, with what a consumer has loaded.
module.exports = async function check(library, ports) {
  const { IMAGE, REGISTRY, RANGE } = process.env;
  if (ports.PortRegistry !== library.PortRegistry) throw new Error("iris-ports/ports has another PortRegistry");
  const container = new library.IrisRegistryContainer(IMAGE).withRegistry(REGISTRY).withPortRange(RANGE);
  const iris = await container
    .withProject(process.cwd())
    .withInstance(process.env.LEG ?? "leg")
    .start();
  try {
    const [row] = await iris.runSql("SELECT 6*7 AS answer, ? AS word", ["größe ☃"]);
    if (row.answer !== 42 || row.word !== "größe ☃") throw new Error(`IRIS answered ${JSON.stringify(row)}`);
    const error = await iris.runObjectScript("write nothing").catch((reason) => reason);
    if (!(error instanceof library.IrisSessionError)) throw error;
    if (!(error instanceof ports.IrisPortsError)) throw new Error("two instances of the library are loaded");
  } finally {
    await iris.stop();
  }
  console.log(`consumer: port ${iris.getPort()}`);
};
