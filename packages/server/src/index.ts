export { StartError, type StartErrorCode } from './errors/start-error.js';
export { type Config, readConfig } from './process/config.js';
export { type RunningServer, startServer } from './process/start-server.js';
