declare const userIdBrand: unique symbol;
/** UUIDv7 in lower case. */
export type UserId = string & { readonly [userIdBrand]: true };

export interface User {
  readonly id: UserId;
  /** In its canonical form; unique in its ledger. */
  readonly email: string;
  readonly displayName: string | null;
  readonly createdAt: Date;
}
