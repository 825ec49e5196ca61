const { IrisRegistryContainer } = require("iris-ports");

// One IRIS for the run. The workers read its container and login from their environment.
module.exports = async () => {
  const iris = await new IrisRegistryContainer(process.env.IRIS_IMAGE).start();
  globalThis.iris = iris;
  const connection = { host: iris.getHost(), port: iris.getPort(), namespace: iris.getNamespace() };
  const login = { username: iris.getUsername(), password: iris.getPassword() };
  process.env.IRIS_RECIPE = JSON.stringify({ container: iris.getId(), connection: { ...connection, ...login } });
};
