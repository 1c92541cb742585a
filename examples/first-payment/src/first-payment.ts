import { createClient, MicroPayError } from '@micropay/client-sdk';

const CURRENCY = 'USD';

/** Two users, a deposit, a payment, a refused one and the history; prints each step as it happens. */
export async function makeFirstPayment(
  server: { readonly baseUrl: string; readonly operatorKey: string },
  tell: (line: string) => void,
): Promise<void> {
  const { baseUrl, operatorKey } = server;
  // Each run makes users of its own, so that it can be run again.
  const run = crypto.randomUUID().slice(0, 8);
  const emails = { alice: `alice-${run}@example.com`, bob: `bob-${run}@example.com` };

  const alice = createClient({ baseUrl });
  const { wallet } = await alice.auth.register({ email: emails.alice, password: crypto.randomUUID() });
  tell(`${emails.alice} registers and has an empty ${wallet.currency} wallet`);

  const bob = createClient({ baseUrl });
  await bob.auth.register({ email: emails.bob, password: crypto.randomUUID() });
  tell(`${emails.bob} registers`);

  const operator = createClient({ baseUrl, apiKey: operatorKey });
  await operator.deposits.create({ wallet: wallet.id, amount: 5_000n, currency: CURRENCY });
  tell('the operator brings 50.00 USD into the wallet of Alice');

  const payment = { from: wallet.id, to: emails.bob, amount: 1_250n, currency: CURRENCY, description: 'Lunch' };
  const paid = await alice.transfers.post(payment, { idempotencyKey: `lunch-${run}` });
  tell(`Alice pays Bob ${format(paid.amount)} and has ${format(paid.fromBalance ?? 0n)} left`);

  const again = await alice.transfers.post(payment, { idempotencyKey: `lunch-${run}` });
  tell(`the same payment, sent again under its key, answers the first one: replayed is ${again.replayed}`);

  tell(
    `Alice tries to pay 1,000.00 USD and is refused: ${await refusalOf(alice.transfers.post({ ...payment, amount: 100_000n }))}`,
  );

  tell('the history of Alice, newest first:');
  for await (const { direction, amount, balance, description } of alice.wallets.entries(wallet.id)) {
    const sign = direction === 'debit' ? '-' : '+';
    tell(`  ${`${sign}${format(amount)}`.padStart(12)}  balance ${format(balance)}  ${description ?? ''}`.trimEnd());
  }
}

async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof MicroPayError) return error.message;
    throw error;
  }
  throw new Error('the server paid out more than there was');
}

/** Minor units as people read them. */
function format(amount: bigint): string {
  const digits = amount.toString().padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)} ${CURRENCY}`;
}
