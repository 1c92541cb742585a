import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import type { CallOptions } from './transport.js';

/** A login that has not ended, with the device and the network that it is used from. */
export type ActiveSession = Readonly<components['schemas']['ActiveSession']>;

/** The current user's sessions. */
export interface Sessions {
  /** The one that was used last first, a hundred at most. */
  listAll(options?: CallOptions): Promise<readonly ActiveSession[]>;
  /** Ends a session within five seconds. May be repeated. @throws {MicroPayError} `session_not_found` */
  revoke(id: string, options?: CallOptions): Promise<void>;
  /** Ends all sessions but the one of this client. */
  revokeOthers(options?: CallOptions): Promise<void>;
}

export function createSessions({ routes, send }: Api): Sessions {
  const repeatably = (options?: CallOptions) => ({ fetch: send({ ...options, repeatable: true }) });
  return {
    listAll: (options) => bodyOf(routes.GET('/v1/me/sessions', repeatably(options)), ({ data }) => data),
    revoke: (id, options) =>
      bodyOf(routes.POST('/v1/me/sessions/{id}/revoke', { params: { path: { id } }, ...repeatably(options) })),
    revokeOthers: (options) => bodyOf(routes.POST('/v1/me/sessions/revoke-others', repeatably(options))),
  };
}
