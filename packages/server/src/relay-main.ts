#!/usr/bin/env node
import { readConfig } from './config.js';
import { exitWith } from './exit-with.js';
import { createLog } from './log.js';
import { runRelayCommand } from './relay/relay-command.js';
import { stopOnSignals } from './stop-on-signals.js';

try {
  const config = readConfig();
  const { running, text } = await runRelayCommand(process.argv.slice(2), config, createLog(config.logLevel));
  if (running !== undefined) stopOnSignals(running);
  console.log(text);
} catch (error) {
  exitWith(error);
}
