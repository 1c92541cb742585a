import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import type { CallOptions } from './transport.js';

/** The second factors that a user can have. */
export type SecondFactor = Readonly<components['schemas']['SecondFactor']>;

/** The second factors that count, and how many recovery codes are left. */
export interface SecondFactorList {
  readonly secondFactors: readonly SecondFactor[];
  readonly recoveryCodesLeft: number;
}

/** An authenticator app that waits for its first code. Show `uri` as a QR code, and `secret` to those who cannot scan it. */
export type EnrolledTotp = Readonly<components['schemas']['EnrolledTotp']>;

/** The new second factor, with ten recovery codes if it is the user's first. They cannot be shown again. */
export type ConfirmedSecondFactor = Readonly<components['schemas']['ConfirmedSecondFactor']>;

/** Options of WebAuthn in JSON, for `parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON` of the browser's `PublicKeyCredential`. */
export type PasskeyOptions = Readonly<Record<string, unknown>>;

/** The current user's second factors. */
export interface SecondFactors {
  /** The oldest first. */
  listAll(options?: CallOptions): Promise<SecondFactorList>;
  /** Adds an authenticator app, which counts once `confirmTotp` has its first code. @throws {MicroPayError} `password_wrong` */
  enrolTotp(
    enrolment: { readonly password: string; readonly name?: string },
    options?: CallOptions,
  ): Promise<EnrolledTotp>;
  /**
   * Confirms an authenticator app within ten minutes. From then on a login takes a second factor. If the outcome is unclear (`network_error`,
   * `timeout`), look with `listAll`, and get recovery codes with `renewRecoveryCodes`.
   *
   * @throws {MicroPayError} `code_wrong`, `second_factor_not_found`
   */
  confirmTotp(code: string, options?: CallOptions): Promise<ConfirmedSecondFactor>;
  /**
   * Begins to add a passkey or a security key, of which a user may have several. Pass the result to `navigator.credentials.create()` and the
   * response to `confirmPasskey`, within ten minutes.
   *
   * @throws {MicroPayError} `password_wrong`, `passkeys_off`, `too_many_second_factors`
   */
  enrolPasskey(
    enrolment: { readonly password: string; readonly name?: string },
    options?: CallOptions,
  ): Promise<PasskeyOptions>;
  /**
   * Confirms a passkey with the response of the browser, by its `toJSON()`. If the outcome is unclear, look with `listAll`.
   *
   * @throws {MicroPayError} `passkey_refused`, `second_factor_not_found`
   */
  confirmPasskey(response: object, options?: CallOptions): Promise<ConfirmedSecondFactor>;
  /** Removes one of them; with the last one go the recovery codes. @throws {MicroPayError} `password_wrong`, `second_factor_not_found` */
  remove(id: string, password: string, options?: CallOptions): Promise<void>;
  /** Returns ten new recovery codes; the old ones end. @throws {MicroPayError} `password_wrong`, `second_factor_not_found` */
  renewRecoveryCodes(password: string, options?: CallOptions): Promise<readonly string[]>;
  /** Operators only: those of any user. @throws {MicroPayError} `user_not_found` */
  listOf(userId: string, options?: CallOptions): Promise<SecondFactorList>;
  /** Operators only: removes all of a user who has lost them. @throws {MicroPayError} `user_not_found` */
  removeAllOf(userId: string, reason: string, options?: CallOptions): Promise<void>;
}

export function createSecondFactors({ routes, send }: Api): SecondFactors {
  const sent = (repeatable: boolean, options?: CallOptions) => ({ fetch: send({ ...options, repeatable }) });
  const inPath = (id: string) => ({ params: { path: { id } } });
  return {
    listAll: (options) => bodyOf(routes.GET('/v1/me/second-factors', sent(true, options)), readList),
    enrolTotp: (body, options) => bodyOf(routes.POST('/v1/me/second-factors/totp', { body, ...sent(true, options) })),
    confirmTotp: (code, options) =>
      bodyOf(routes.POST('/v1/me/second-factors/totp/confirm', { body: { code }, ...sent(false, options) })),
    enrolPasskey: (body, options) =>
      bodyOf(
        routes.POST('/v1/me/second-factors/passkeys', { body, ...sent(true, options) }),
        (created) => created.options,
      ),
    confirmPasskey: (response, options) => {
      const body = { response } as components['schemas']['ConfirmPasskey'];
      return bodyOf(routes.POST('/v1/me/second-factors/passkeys/confirm', { body, ...sent(false, options) }));
    },
    remove: (id, password, options) =>
      bodyOf(
        routes.POST('/v1/me/second-factors/{id}/remove', {
          ...inPath(id),
          body: { password },
          ...sent(false, options),
        }),
      ),
    renewRecoveryCodes: (password, options) =>
      bodyOf(
        routes.POST('/v1/me/second-factors/recovery-codes', { body: { password }, ...sent(true, options) }),
        ({ recoveryCodes }) => recoveryCodes,
      ),
    listOf: (id, options) =>
      bodyOf(routes.GET('/v1/users/{id}/second-factors', { ...inPath(id), ...sent(true, options) }), readList),
    removeAllOf: (id, reason, options) =>
      bodyOf(
        routes.POST('/v1/users/{id}/second-factors/remove', {
          ...inPath(id),
          body: { reason },
          ...sent(true, options),
        }),
      ),
  };
}

function readList({ data, recoveryCodesLeft }: components['schemas']['SecondFactors']): SecondFactorList {
  return { secondFactors: data, recoveryCodesLeft };
}
