// Runs the server in a separate process, as in production; reports its address to its parent and stops with it.
import { readConfig, startServer } from '@micropay/server';

const server = await startServer(readConfig());
process.send?.({ url: server.url });
process.once('disconnect', () => {
  void server.close().finally(() => process.exit());
});
