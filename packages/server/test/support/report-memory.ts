// Loaded into a server before its own program, with --expose-gc: on SIGUSR2 it says what is in use once garbage is collected.
process.on('SIGUSR2', () => {
  gc?.();
  console.log(`memory ${JSON.stringify(process.memoryUsage())}`);
});
