export { type Config, readConfig } from './config.js';
export { StartError, type StartErrorCode } from './start-error.js';
export { type RunningServer, startServer } from './start-server.js';
