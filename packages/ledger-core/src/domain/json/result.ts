/**
 * The prototype of results. Their amounts are bigints, for which `JSON.stringify` throws: a framework that responds with a
 * result would fail after the money has moved. The method is inherited, so that results have no additional members.
 */
const RESULT: object = Object.create(Object.prototype, { toJSON: { value: toJson } });

/** Lets `JSON.stringify` write an object: amounts and positions as decimal texts, dates by their own method. */
export function result<Value extends object>(value: Value): Value {
  return Object.setPrototypeOf(value, RESULT);
}

/** A map that is written as an object. */
export class ResultMap<Value> extends Map<string, Value> {
  toJSON(): unknown {
    return toJson.call(this);
  }
}

/** The same for what has a prototype already: an array. */
export function writable<Value extends object>(value: Value): Value {
  return Object.defineProperty(value, 'toJSON', { value: toJson });
}

function toJson(this: object): unknown {
  if (Array.isArray(this)) return this.map(toText);
  const members = this instanceof Map ? [...this] : Object.entries(this);
  return Object.fromEntries(members.map(([name, value]) => [name, toText(value)]));
}

function toText(value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
