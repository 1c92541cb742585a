// Runs in a container beside the server: pays under load until the server stops, waits until it is back, and sends again
// what had no answer. Prints "paying" when the load is on, and its counts at the end.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const CLIENTS = 16;
const PAYMENTS_BEFORE = 200;
const DEPOSIT = 1_000_000;
const RETURN_TIMEOUT_MS = 60_000;
const server = 'http://server:3000';

async function call(path, token, body, key = randomUUID()) {
  const response = await fetch(`${server}${path}`, {
    headers: {
      'content-type': 'application/json',
      'idempotency-key': key,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  const isReplayed = response.headers.get('idempotent-replayed') === 'true';
  return { status: response.status, body: await response.json(), isReplayed };
}

async function register() {
  const { body } = await call('/v1/auth/register', undefined, {
    email: `${randomUUID()}@example.com`,
    password: 'correct horse battery',
  });
  return { token: body.accessToken, wallet: body.wallet.id };
}

const [alice, bob] = [await register(), await register()];
const deposit = { wallet: alice.wallet, amount: String(DEPOSIT), currency: 'USD' };
await call('/v1/deposits', process.env.OPERATOR_API_KEY, deposit);
const pay = (key) =>
  call('/v1/transfers', alice.token, { from: alice.wallet, to: bob.wallet, amount: '1', currency: 'USD' }, key);

const statuses = [];
const unanswered = [];
await Promise.all(
  Array.from({ length: CLIENTS }, async () => {
    for (;;) {
      const key = randomUUID();
      try {
        const { status } = await pay(key);
        if (statuses.push(status) === PAYMENTS_BEFORE) console.log('paying');
      } catch {
        // The connection was refused, or closed before it carried the request.
        unanswered.push(key);
        return;
      }
    }
  }),
);

const untilMs = performance.now() + RETURN_TIMEOUT_MS;
/** Repeats a call until the server is back and answers. One that is stopping may still answer some connections. */
async function untilAnswered(work) {
  for (;;) {
    try {
      const answer = await work();
      if (answer.status < 500) return answer;
      throw new Error(`the server answered ${answer.status}`);
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await sleep(100);
    }
  }
}

let cutOff = 0;
for (const key of unanswered) {
  const { status, isReplayed } = await untilAnswered(() => pay(key));
  statuses.push(status);
  if (isReplayed) cutOff += 1;
}
const { body: wallet } = await untilAnswered(() => call(`/v1/wallets/${alice.wallet}`, alice.token));
console.log(
  JSON.stringify({
    payments: statuses.length,
    refused: statuses.filter((status) => status !== 201).length,
    sentAgain: unanswered.length,
    cutOff,
    missing: DEPOSIT - statuses.length - Number(wallet.balance),
  }),
);
