// The server in a process of its own, as it is started elsewhere; tells its parent where it listens and stops with it.
import { readConfig, startServer } from '@micropay/server';

const server = await startServer(readConfig());
process.send?.({ url: server.url });
process.once('disconnect', () => {
  void server.close().finally(() => process.exit());
});
