/** A command's output. With `--json`, standard output is one JSON value and nothing else. */
export interface Output {
  readonly json: boolean;
  /** For people; nothing with `--json`. */
  text(text: string): void;
  /** For programs; nothing without `--json`. */
  value(value: unknown): void;
  /** Standard error, where progress goes. */
  readonly progress: NodeJS.WriteStream;
}

export function createOutput(json: boolean): Output {
  return {
    json,
    text(text) {
      if (!json) process.stdout.write(`${text}\n`);
    },
    value(value) {
      if (json) process.stdout.write(`${JSON.stringify(value, jsonValue)}\n`);
    },
    progress: process.stderr,
  };
}

/** Amounts and positions are texts of digits, as in all JSON of MicroPay. */
function jsonValue(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
