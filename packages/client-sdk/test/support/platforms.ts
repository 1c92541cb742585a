import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import vm from 'node:vm';
import { EdgeRuntime } from 'edge-runtime';
import { bundle } from './bundle.js';
import type { PlatformTrial } from './platform-program.js';

const require = createRequire(import.meta.url);
const XMLHttpRequest: unknown = require('xhr2');

/** Runs the trial on a platform, and returns the outcome of each of its calls. */
export type Platform = (script: string, trial: PlatformTrial) => Promise<Record<string, unknown>>;

/** The package and the program that tries it, as one script; returns its path. */
export function bundleForPlatforms(directory: string): Promise<string> {
  return bundle(new URL('./platform-program.ts', import.meta.url), { directory, format: 'iife' });
}

export const edgeRuntime: Platform = async (script, trial) => {
  const runtime = new EdgeRuntime({ initialCode: await readFile(script, 'utf8') });
  return runtime.evaluate(`tryPlatform(${JSON.stringify(trial)})`);
};

/**
 * React Native, as far as this package can see: an empty realm, with the very packages that React Native makes its globals
 * of, and no crypto, streams or TextDecoder. Its XMLHttpRequest, timers are native code; xhr2 and Node's stand
 * for them.
 */
export const reactNative: Platform = async (script, trial) => {
  const timers = { setTimeout, clearTimeout, setInterval, clearInterval };
  const realm = vm.createContext({ ...timers, ArrayBuffer, XMLHttpRequest });
  const run = async (path: string) => vm.runInContext(await readFile(path, 'utf8'), realm, { filename: path });
  await run(require.resolve('abort-controller/dist/abort-controller.umd.js'));
  await run(require.resolve('whatwg-fetch'));
  await run(script);
  const tryPlatform = vm.runInContext('tryPlatform', realm) as (
    given: PlatformTrial,
  ) => Promise<Record<string, unknown>>;
  return { ...(await tryPlatform(trial)) };
};
