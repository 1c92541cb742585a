import { MicroPayError } from '@micropay/client-sdk';
import { makeFirstPayment } from './first-payment.js';
import { findOperatorKey } from './operator-key.js';

const { MICROPAY_URL: baseUrl = 'http://127.0.0.1:3000' } = process.env;
const words = process.argv.slice(2);
if (words.length > 0) {
  console.error(`it takes no arguments, and "${words.join(' ')}" was given`);
  process.exit(1);
}

try {
  const operatorKey = await findOperatorKey(baseUrl);
  await makeFirstPayment({ baseUrl, operatorKey }, console.log);
} catch (error) {
  console.error(explain(error as Error));
  process.exitCode = 1;
}

function explain(error: Error): string {
  if (!(error instanceof MicroPayError)) return error.message;
  if (error.code === 'network_error') {
    return `No MicroPay server answers at ${baseUrl}. Start one with npm start, or set MICROPAY_URL.`;
  }
  if (error.code === 'invalid_response') return `What answers at ${baseUrl} is not MicroPay. Set MICROPAY_URL.`;
  if (error.status === 401 || error.status === 403) {
    return `${error.message}\nIs OPERATOR_API_KEY the key of the server at ${baseUrl}?`;
  }
  return error.message;
}
