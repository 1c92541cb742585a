/**
 * Vitest takes the edge runtime that the client's tests start and the OpenTelemetry API where they are
 * installed. It would then be installed several times, with and without each, and tests would not share its types.
 */
const OPTIONAL_PEERS_OF_VITEST = ['@edge-runtime/vm', '@opentelemetry/api'];

/**
 * Changes to what packages say about themselves.
 *
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
    if (manifest.name === 'vitest') {
      for (const name of OPTIONAL_PEERS_OF_VITEST) {
        delete manifest.peerDependencies[name];
        delete manifest.peerDependenciesMeta[name];
      }
    }
    return manifest;
  },
};
