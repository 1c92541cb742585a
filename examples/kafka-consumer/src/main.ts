import { consumeTransfers } from './consume.js';
import { readSettings } from './settings.js';

try {
  const consumer = await consumeTransfers(readSettings(process.env, process.argv.slice(2)));
  console.log('Summing up what each user spends; Ctrl-C stops.');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void consumer.stop().then(() => process.exit()));
  }
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
