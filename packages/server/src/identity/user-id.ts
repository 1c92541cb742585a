declare const userIdBrand: unique symbol;
/** UUIDv7 in lower case. */
export type UserId = string & { readonly [userIdBrand]: true };
