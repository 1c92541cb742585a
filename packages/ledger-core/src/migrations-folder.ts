/** The migrations lie beside `src` in the repository and beside `dist` in the published package. */
export const MIGRATIONS_FOLDER = new URL('../migrations/', import.meta.url);
