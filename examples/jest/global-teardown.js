module.exports = async () => {
  await globalThis.iris.stop();
};
