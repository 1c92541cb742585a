import { setImmediate } from 'node:timers/promises';

// Loaded into a server process before its program, with --expose-gc. On SIGUSR2 it collects garbage and prints the memory
// in use.
process.on('SIGUSR2', async () => {
  gc?.();
  // Objects that the first collection finds are released in later turns of the event loop.
  await setImmediate();
  gc?.();
  console.log(`memory ${JSON.stringify(process.memoryUsage())}`);
});
