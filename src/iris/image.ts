/**
 * The default image: Community Edition, for several architectures, pulled without a login, with a tag that always names a
 * current release.
 * @see https://docs.intersystems.com/components/csp/docbook/DocBook.UI.Page.cls?KEY=PAGE_containerregistry
 */
export const DEFAULT_IRIS_IMAGE = "containers.intersystems.com/intersystems/iris-community:latest-em";

/** True for a reference to an image. A leading hyphen would be an option of the docker command. */
export function isImageReference(text: string): boolean {
  return /^[A-Za-z0-9][\w.:/@-]{0,499}$/.test(text);
}

/** The predefined administrator of every image, and its well-known password. */
export const DEFAULT_IRIS_USERNAME = "_SYSTEM";
export const DEFAULT_IRIS_PASSWORD = "SYS";
/** The namespace that every image has. */
export const DEFAULT_IRIS_NAMESPACE = "USER";

/** The path of the licence key inside the container. */
export const IRIS_LICENSE_KEY_PATH = "/usr/irissys/mgr/iris.key";
/** The environment variable that names the configuration merge file inside the container. */
export const IRIS_CPF_MERGE_VARIABLE = "ISC_CPF_MERGE_FILE";
/** The path of that file inside the container. */
export const IRIS_CPF_MERGE_PATH = "/tmp/iris-ports-merge.cpf";

/** The environment variable that names the directory for databases and configuration inside the container. */
export const IRIS_DATA_DIRECTORY_VARIABLE = "ISC_DATA_DIRECTORY";
/** Where a directory or volume for IRIS's data is mounted. */
export const IRIS_DURABLE_MOUNT = "/durable";
/** Created by IRIS; the mounted directory itself must exist. */
export const IRIS_DATA_DIRECTORY = `${IRIS_DURABLE_MOUNT}/iris`;
/** The user that IRIS runs as in its images. */
export const IRIS_UID = 51773;

/** The start time-out in milliseconds. A start usually takes 15 to 90 s, and longer on a busy CI host. */
export const IRIS_STARTUP_TIMEOUT_MS = 180_000;
