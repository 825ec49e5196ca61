/** The superserver's port inside the container. */
export const IRIS_SUPERSERVER_PORT = 1972;
/** The private web server's port inside the container; only Community editions have one. */
export const IRIS_WEB_PORT = 52773;
