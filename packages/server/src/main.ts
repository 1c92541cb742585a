#!/usr/bin/env node
import { type Config, readConfig, redactConfig } from './config.js';
import { exitWith } from './exit-with.js';
import { firstSteps, type OperatorKeySource } from './first-steps.js';
import { createLog } from './log.js';
import { checkDataDirectory, forgetOperatorKey, keepOperatorKey, keptOperatorKey } from './operator-key-file.js';
import { type RunningServer, startServer } from './start-server.js';
import { stopOnSignals } from './stop-on-signals.js';

try {
  const config = readConfig();
  const log = createLog(config.logLevel);
  log.debug(redactConfig(config), 'configuration');
  if (config.dataDirectory !== undefined) await checkDataDirectory(config.dataDirectory);
  const server = await startServer(config, log);
  stopOnSignals(server);
  if (config.dataDirectory !== undefined) {
    if (config.operatorApiKey !== undefined) {
      await forgetOperatorKey(config.dataDirectory).catch((error: Error) => {
        // It opens nothing any more.
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
  console.log(greeting(server, config));
} catch (error) {
  exitWith(error);
}

function greeting({ url, newOperatorKey }: RunningServer, config: Config): string {
  const key = newOperatorKey === undefined ? '' : `\nOperator key, shown this once: ${newOperatorKey}\n`;
  return `MicroPay listens on ${url}. Stop it with Ctrl-C.
Its reference is at ${url}/docs.
${key}
First steps, in another terminal:

${firstSteps(url, operatorKeySource(config))}`;
}

function operatorKeySource({ operatorApiKey, dataDirectory }: Config): OperatorKeySource {
  if (operatorApiKey !== undefined) return { kind: 'environment' };
  const path = keptOperatorKey(dataDirectory);
  return path === undefined ? { kind: 'unknown' } : { kind: 'file', path };
}
