export type StartErrorCode =
  | 'invalid_configuration'
  | 'port_in_use'
  | 'address_unavailable'
  | 'broker_misconfigured'
  | 'workers_failing';

/** The reason why the server cannot start, or go on; the message says what to change. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
