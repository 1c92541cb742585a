/**
 * The server's documentation page is one file of @scalar/api-reference, bundled already. The 270 packages and
 * 280 MB that it was built from run nowhere here, so they are not installed.
 */
export const hooks = {
  readPackage(manifest) {
    if (manifest.name === '@scalar/api-reference') {
      manifest.dependencies = {};
      // The page runs in browsers; the Node that it was built with says nothing about ours.
      manifest.engines = {};
    }
    return manifest;
  },
};
