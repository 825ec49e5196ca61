module.exports = require("iris-ports/ports");
