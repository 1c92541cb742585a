import { consumeTransfers } from './consume.js';
import { readSettings, type Settings } from './settings.js';

let settings: Settings;
try {
  settings = readSettings(process.env);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
const consumer = await consumeTransfers(settings);
console.log('Summing up what each user spends; Ctrl-C stops.');
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void consumer.stop().then(() => process.exit()));
}
