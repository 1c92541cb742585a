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

/** Lets `JSON.stringify` write an object, with amounts as decimal texts. */
export function result<Value extends object>(value: Value): Value {
  return Object.setPrototypeOf(value, RESULT);
}
