const { TestEnvironment } = require("jest-environment-node");
const { IrisNamespace } = require("iris-ports");

// Gives every test file a namespace of its own, as the global `iris`.
module.exports = class IrisEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    const { container, connection } = JSON.parse(process.env.IRIS_RECIPE);
    const namespace = `J${process.env.JEST_WORKER_ID}T${Date.now().toString(36).toUpperCase()}`;
    this.global.iris = await IrisNamespace.of(container, { ...connection, namespace });
    await this.global.iris.createNamespace(namespace);
  }

  async teardown() {
    const { iris } = this.global;
    if (iris) await iris.dropNamespace(iris.getNamespace());
    await super.teardown();
  }
};
