import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const rootDirectory = fileURLToPath(new URL('..', import.meta.url));

/** Where the user stands: npm goes to the package's folder and says where it was called. */
export const callerDirectory = process.env.INIT_CWD ?? process.cwd();

/** Where what has to last is kept: DATA_DIR, else `.data` in the checkout. */
export const dataDirectory = resolve(callerDirectory, process.env.DATA_DIR || resolve(rootDirectory, '.data'));
