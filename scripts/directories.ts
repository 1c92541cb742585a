import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const rootDirectory = fileURLToPath(new URL('..', import.meta.url));

/** The folder where the user called npm, which itself changes to the package's folder. */
export const callerDirectory = process.env.INIT_CWD ?? process.cwd();

/** The folder for data that must last: DATA_DIR, else `.data` in the checkout. */
export const dataDirectory = resolve(callerDirectory, process.env.DATA_DIR || resolve(rootDirectory, '.data'));
