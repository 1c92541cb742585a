#!/usr/bin/env node
import { readServerWords } from '../cli/server-words.js';
import { type Config, readConfig, redactConfig } from './config.js';
import { exitWith } from './exit-with.js';
import { firstSteps, type OperatorKeySource } from './first-steps.js';
import { createLog } from './log.js';
import { checkDataDirectory, keepOperatorKey, keptOperatorKey, setOperatorKeyAside } from './operator-key-file.js';
import { type RunningServer, startServer } from './start-server.js';
import { stopOnSignals } from './stop-on-signals.js';

try {
  const words = readServerWords(process.argv.slice(2));
  if ('text' in words) console.log(words.text);
  else await run(readConfig(undefined, words.settings));
} catch (error) {
  exitWith(error);
}

async function run(config: Config): Promise<void> {
  const log = createLog(config.logLevel);
  log.debug(redactConfig(config), 'configuration');
  if (config.dataDirectory !== undefined) await checkDataDirectory(config.dataDirectory);
  const server = await startServer(config, log);
  stopOnSignals(server);
  if (config.dataDirectory !== undefined) {
    if (config.operatorApiKey !== undefined) {
      await setOperatorKeyAside(config.dataDirectory).catch((error: Error) => {
        // It opens nothing here any more.
        console.error(`The operator key that was replaced is still in ${config.dataDirectory}: ${error.message}`);
      });
    }
    if (server.newOperatorKey !== undefined) {
      await keepOperatorKey(config.dataDirectory, server.newOperatorKey).catch((error: Error) => {
        // It is printed all the same, and cannot be had again.
        console.error(`The operator key could not be kept in ${config.dataDirectory}: ${error.message}`);
      });
    }
  }
  console.log(greeting(server, await operatorKeySource(server, config)));
}

function greeting({ url, newOperatorKey }: RunningServer, keySource: OperatorKeySource): string {
  const key = newOperatorKey === undefined ? '' : `\nOperator key, shown this once: ${newOperatorKey}\n`;
  return `MicroPay listens on ${url}. Stop it with Ctrl-C.
Its reference is at ${url}/docs.
${key}
First steps, in another terminal:

${firstSteps(url, keySource)}`;
}

async function operatorKeySource(
  { isOperatorKey }: RunningServer,
  { operatorApiKey, dataDirectory }: Config,
): Promise<OperatorKeySource> {
  if (operatorApiKey !== undefined) return { kind: 'environment' };
  const path = dataDirectory === undefined ? undefined : await keptOperatorKey(dataDirectory, isOperatorKey);
  return path === undefined ? { kind: 'unknown' } : { kind: 'file', path };
}
