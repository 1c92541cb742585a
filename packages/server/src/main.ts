#!/usr/bin/env node
import { LedgerError } from '@micropay/ledger-core';
import { type Config, readConfig, redactConfig } from './config.js';
import { firstSteps, type OperatorKeySource } from './first-steps.js';
import { createLog } from './log.js';
import { checkDataDirectory, forgetOperatorKey, keepOperatorKey, keptOperatorKey } from './operator-key-file.js';
import { StartError } from './start-error.js';
import { type RunningServer, startServer } from './start-server.js';

const EXIT_FAILED = 1;
const EXIT_MISCONFIGURED = 2;

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
  if (!(error instanceof StartError || error instanceof LedgerError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exit(error.code === 'invalid_configuration' ? EXIT_MISCONFIGURED : EXIT_FAILED);
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

/** npm passes Ctrl-C on, which the terminal has sent here as well: two signals within a moment are one. */
const ONE_SIGNAL_MS = 1_000;

/** The first signal finishes what is under way; a later one does not wait for it. */
function stopOnSignals(server: RunningServer): void {
  let stoppingSinceMs: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stoppingSinceMs !== undefined) {
        if (performance.now() - stoppingSinceMs > ONE_SIGNAL_MS) process.exit(EXIT_FAILED);
        return;
      }
      stoppingSinceMs = performance.now();
      server.close().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error instanceof LedgerError ? `${error.code}: ${error.message}` : error);
          process.exit(EXIT_FAILED);
        },
      );
    });
  }
}
