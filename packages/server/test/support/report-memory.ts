import { setImmediate } from 'node:timers/promises';

// Loaded into a server before its own program, with --expose-gc: on SIGUSR2 it says what is in use once garbage is collected.
process.on('SIGUSR2', async () => {
  gc?.();
  // What the first finds is let go of in turns of its own.
  await setImmediate();
  gc?.();
  console.log(`memory ${JSON.stringify(process.memoryUsage())}`);
});
