export type StartErrorCode = 'invalid_configuration' | 'port_in_use' | 'address_unavailable' | 'broker_misconfigured';

/** The reason why the server cannot start; the message says what to change. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
