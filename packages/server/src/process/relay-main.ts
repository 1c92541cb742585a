#!/usr/bin/env node
import { type RelayWords, readRelayWords, runRelayCommand } from '../cli/relay-command.js';
import { readConfig } from './config.js';
import { exitWith } from './exit-with.js';
import { createLog } from './log.js';
import { stopOnSignals } from './stop-on-signals.js';

try {
  const words = readRelayWords(process.argv.slice(2));
  console.log('text' in words ? words.text : await run(words));
} catch (error) {
  exitWith(error);
}

async function run(words: RelayWords): Promise<string> {
  const config = readConfig();
  const { running, text } = await runRelayCommand(words, config, createLog(config.logLevel));
  if (running !== undefined) stopOnSignals(running);
  return text;
}
