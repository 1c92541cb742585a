/**
 * Changes to what packages say about themselves.
 *
 * The server's documentation page is one file of @scalar/api-reference, bundled already. The 270 packages and
 * 280 MB that it was built from run nowhere here, so they are not installed.
 *
 * Vitest would run in the edge runtime that the client's tests start where there is one, and be installed twice: once
 * beside it and once for packages that do without.
 */
export const hooks = {
  readPackage(manifest) {
    if (manifest.name === '@scalar/api-reference') {
      manifest.dependencies = {};
      // The page runs in browsers; the Node that it was built with says nothing about ours.
      manifest.engines = {};
    }
    if (manifest.name === 'vitest') {
      delete manifest.peerDependencies['@edge-runtime/vm'];
      delete manifest.peerDependenciesMeta['@edge-runtime/vm'];
    }
    return manifest;
  },
};
