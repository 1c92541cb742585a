/** The folder of this package: what it ships beside its code lies above `src` in the repository and above `dist` on npm. */
export const PACKAGE_FOLDER = new URL('../', import.meta.url);
