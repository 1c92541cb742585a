/**
 * The prototype of results. Their amounts are bigints, for which `JSON.stringify` throws: an application that stores or
 * forwards a result would fail after the money has moved.
 */
const RESULT: object = Object.create(Object.prototype, {
  toJSON: {
    value(this: object) {
      const text = (value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
      return Object.fromEntries(Object.entries(this).map(([name, value]) => [name, text(value)]));
    },
  },
});

/** A result whose amounts, which came as texts, are bigints. */
export function withAmounts<Json extends object, Name extends keyof Json>(
  json: Json,
  ...names: readonly Name[]
): Omit<Json, Name> & { readonly [Amount in Name]: Json[Amount] extends string ? bigint : bigint | null } {
  const amounts = names.map((name) => [name, json[name] === null ? null : BigInt(json[name] as string)]);
  return result({ ...json, ...Object.fromEntries(amounts) });
}

/** Lets `JSON.stringify` write an object, with amounts as decimal texts. */
export function result<Value extends object>(value: Value): Value {
  return Object.setPrototypeOf(value, RESULT);
}
