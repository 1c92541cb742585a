import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, registerUser, type TestUser } from '../support/call.js';
import { pythonPackages } from '../support/python-packages.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from '../support/test-server.js';

const packages = pythonPackages('statement-files', new URL('./requirements.txt', import.meta.url));
const whyNot = packages.whyNot();
const script = fileURLToPath(new URL('./read.py', import.meta.url));

/** One red pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
  'base64',
);
const YEARS = 'from=2020-01-01&to=2199-01-01';

let server: TestServer;
let folder: string;
let alice: TestUser;
let bob: TestUser;

beforeEach((context) => {
  if (whyNot === undefined) return;
  if (process.env.CI) throw new Error(`statement files are read in CI, always: this machine ${whyNot}`);
  context.skip(whyNot);
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'micropay-statement-'));
  const statementLogo = join(folder, 'logo.png');
  await writeFile(statementLogo, PNG);
  server = await startTestServer({ statementLogo, secondFactors: { serviceName: 'Example Pay' } });
  alice = await registerUser(server.url, { balance: 500_000n });
  bob = await registerUser(server.url);
  const pay = (change: object) => post('/v1/transfers', alice.token, payment(change));
  const { body } = await pay({
    amount: '125099',
    reference: 'order-4711',
    description: 'Käse & <Brot>\u{1F9C0}\nПривет',
  });
  await pay({ amount: '1', reference: 'r'.repeat(60), description: 'long '.repeat(60) });
  await post(`/v1/transfers/${body.id}/reversals`, OPERATOR_KEY, { amount: '99' });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

const post = (path: string, token: string, body: object) =>
  call(server.url, `POST ${path}`, { token, key: randomUUID(), body });
const payment = (change: object) => ({ from: alice.wallet, to: bob.wallet, currency: 'USD', ...change });

async function download(query: string, token = alice.token, account = alice.wallet) {
  const response = await fetch(`${server.url}/v1/statements/file?account=${account}&${YEARS}&${query}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return { status: response.status, headers: response.headers, content: Buffer.from(await response.arrayBuffer()) };
}

/** What other people's code reads in a file. */
function read(kind: 'pdf' | 'camt053', input: Buffer) {
  const { status, stdout, stderr } = spawnSync(packages.install(), [script, kind], { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

describe('a statement as camt.053', () => {
  it('a statement as camt.053 keeps to the schema, and its entries lead from its opening to its closing balance', async () => {
    const { status, headers, content } = await download('format=camt053');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/xml']);
    const { problems, document } = read('camt053', content);
    expect(problems).toEqual([]);
    const [statement] = document.BkToCstmrStmt.Stmt;
    const signed = ({ Amt, CdtDbtInd }: { Amt: { $: string }; CdtDbtInd: string }) =>
      BigInt(Amt.$.replace('.', '')) * (CdtDbtInd === 'CRDT' ? 1n : -1n);
    const [opening, closing] = statement.Bal.map(signed);
    const entries = statement.Ntry.map(signed);
    expect(entries).toEqual([500_000n, -125_099n, -1n, 99n]);
    expect(entries.reduce((sum: bigint, units: bigint) => sum + units, opening)).toBe(closing);
    expect(closing).toBe(374_999n);
    expect(statement.Acct.Id.Othr.Id).toBe(alice.wallet.replaceAll('-', ''));

    const [, payment, long, reversal] = statement.Ntry;
    const [{ TxDtls }] = payment.NtryDtls;
    expect(TxDtls[0].Refs.EndToEndId).toBe('order-4711');
    expect(TxDtls[0].RmtInf.Ustrd).toEqual(['Käse & <Brot>\u{1F9C0}\nПривет']);
    expect(TxDtls[0].RltdPties.CdtrAcct.Id.Othr.Id).toBe(bob.wallet.replaceAll('-', ''));
    const [details] = long.NtryDtls[0].TxDtls;
    expect(details.RmtInf.Ustrd.join('')).toBe('long '.repeat(60));
    expect(details.AddtlTxInf).toBe('r'.repeat(60));
    expect(reversal.RvslInd).toBe(true);
  });

  it('a statement as camt.053 of an account whose balance is a debit says so', async () => {
    const { content } = await download('format=camt053', OPERATOR_KEY, 'world:usd');
    const { problems, document } = read('camt053', content);
    expect(problems).toEqual([]);
    const [, closing] = document.BkToCstmrStmt.Stmt[0].Bal;
    expect(closing).toMatchObject({ Amt: { $: '5000.00' }, CdtDbtInd: 'DBIT' });
  });

  it('a statement as camt.053 is refused where its amounts have no room', async () => {
    await call(server.url, 'POST /v1/currencies', { token: OPERATOR_KEY, body: { code: 'ETHER', scale: 18 } });
    const account = { address: 'fees:ether', currency: 'ETHER', type: 'income' };
    await call(server.url, 'POST /v1/accounts', { token: OPERATOR_KEY, body: account });
    const { status, content } = await download('format=camt053', OPERATOR_KEY, 'fees:ether');
    expect([status, JSON.parse(String(content)).code]).toEqual([422, 'format_unsuitable']);
  });
});

describe('a statement as PDF', () => {
  it('a statement as PDF has the words and the amounts of its locale, the logo and the name of the service', async () => {
    const { status, headers, content } = await download('format=pdf&locale=de-DE');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/pdf']);
    const { pages, images, language, author } = read('pdf', content);
    expect({ images, language, author }).toEqual({ images: 1, language: 'de-DE', author: 'Example Pay' });
    expect(pages).toHaveLength(1);
    for (const text of [
      'Kontoauszug',
      'Anfangssaldo',
      '5.000,00',
      '1.250,99',
      'Endsaldo',
      '3.749,99',
      'Seite 1 von 1',
    ]) {
      expect(pages[0]).toContain(text);
    }
    expect(pages[0]).toContain('Käse & <Brot>');
    expect(pages[0]).toContain('Привет');
    const english = read('pdf', (await download('format=pdf')).content).pages[0];
    for (const text of ['Account statement', '5,000.00', '3,749.99', 'Page 1 of 1']) expect(english).toContain(text);
  });

  it('a statement as PDF has the head of its table and a number on every page, and at most 2,000 entries', async () => {
    const many = await registerUser(server.url, { balance: 1_000_000n });
    const payAll = async (count: number) => {
      const transfers = Array.from({ length: count }, () => ({
        ...{ from: many.wallet, to: bob.wallet, amount: '1', currency: 'USD', idempotencyKey: randomUUID() },
      }));
      const { status } = await call(server.url, 'POST /v1/transfers/batch', { token: many.token, body: { transfers } });
      expect(status).toBe(200);
    };
    await payAll(99);
    const { pages } = read('pdf', (await download('format=pdf', many.token, many.wallet)).content);
    expect(pages.length).toBeGreaterThan(1);
    for (const [at, page] of pages.entries()) {
      expect(page).toContain('Description');
      expect(page).toContain(`Page ${at + 1} of ${pages.length}`);
    }
    await payAll(1_000);
    await payAll(900);
    expect((await download('format=pdf', many.token, many.wallet)).status).toBe(200);
    await payAll(1);
    const { status, content } = await download('format=pdf', many.token, many.wallet);
    expect([status, JSON.parse(String(content)).code]).toEqual([422, 'format_unsuitable']);
  });
});

it('a statement file has ids of its own, which its period alone repeats', async () => {
  const idsOf = async (period: string) => {
    const response = await fetch(`${server.url}/v1/statements/file?account=${alice.wallet}&${period}&format=camt053`, {
      headers: { authorization: `Bearer ${alice.token}` },
    });
    const text = await response.text();
    return [/<MsgId>(\w{32})</.exec(text)?.[1], /<Stmt><Id>(\w{32})</.exec(text)?.[1]];
  };
  const [[message, statement], [again, same], [, other]] = [
    await idsOf(YEARS),
    await idsOf(YEARS),
    await idsOf('from=2020-01-01&to=2020-02-01'),
  ];
  expect(message).toMatch(/^\w{32}$/);
  expect([again === message, same === statement, other === statement]).toEqual([false, true, false]);
});

it('HEAD of a statement file has its headers, and nothing is read for it', async () => {
  const response = await fetch(`${server.url}/v1/statements/file?account=${alice.wallet}&${YEARS}&format=csv`, {
    method: 'HEAD',
    headers: { authorization: `Bearer ${alice.token}` },
  });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
});

it('of PDFs that one user asks for at the same time, one is made, and others get theirs meanwhile', async () => {
  const carol = await registerUser(server.url);
  const asked = [1, 2, 3].map(() => download('format=pdf'));
  const other = await download('format=pdf', carol.token, carol.wallet);
  expect((await Promise.all(asked)).map(({ status }) => status).sort()).toEqual([200, 503, 503]);
  expect(other.status).toBe(200);
});

it('a PDF has digits that its font has', async () => {
  const { pages } = read('pdf', (await download('format=pdf&locale=bn')).content);
  expect(pages[0]).toContain('3,749.99');
});

it.each([
  ['format=xls', 'format'],
  ['format=pdf&locale=Klingon', 'locale'],
  ['format=pdf&locale=de_DE', 'locale'],
])('a statement file is refused for %s', async (query, field) => {
  const { status, content } = await download(query);
  expect([status, JSON.parse(String(content))]).toEqual([
    400,
    expect.objectContaining({ code: 'invalid_request', detail: expect.stringContaining(field) }),
  ]);
});

it.each([
  ['none.png', undefined, 'cannot be read'],
  ['text.png', Buffer.from('no image'), 'is no PNG or JPEG image'],
  ['damaged.png', PNG.subarray(0, 20), 'the image is damaged'],
  ['large.png', Buffer.alloc(1_048_577, PNG), 'is not a file of at most 1 MiB'],
])('a server does not start with the logo %s', async (name, content, message) => {
  const statementLogo = join(folder, name);
  if (content !== undefined) await writeFile(statementLogo, content);
  await expect(startTestServer({ statementLogo })).rejects.toMatchObject({
    code: 'invalid_configuration',
    message: expect.stringContaining(message),
  });
});
