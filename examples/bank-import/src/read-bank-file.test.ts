import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImportError } from './import-error.js';
import { readBankFile } from './read-bank-file.js';

const HEADER = 'trans_id,account_id,date,type,operation,amount,balance,k_symbol,bank,account';
const LINE = '1,7,930101,PRIJEM,VKLAD,700.00,700.00,,,';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bank-import-'));
});

afterAll(() => rm(directory, { recursive: true }));

async function read(content: string | Buffer) {
  const file = join(directory, 'transactions.csv');
  await writeFile(file, content);
  return readBankFile(file);
}

async function refusal(work: Promise<unknown>): Promise<ImportError> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(ImportError);
  return error as ImportError;
}

describe('reads', () => {
  it('readBankFile reads a line of each kind, with its side and its counterparty', async () => {
    const lines = await read(
      [
        HEADER,
        LINE,
        '2,7,930102,VYDAJ,VYBER,100.50,599.50,,,',
        '3,7,930102,VYBER,VYBER,10,589.50, ,,',
        '4,7,930103,VYDAJ,VYBER KARTOU,9.5,580.00,,,',
        '5,7,930104,PRIJEM,PREVOD Z UCTU,1.00,581.00,DUCHOD,CD,1234',
        '6,7,930105,VYDAJ,PREVOD NA UCET,1.00,580.00,SIPO,,1234',
        '7,7,930131,PRIJEM,,2.00,582.00,UROK,,',
        '8,7,930131,VYDAJ,VYBER,1.00,581.00,SLUZBY,,',
        '9,7,930131,VYDAJ,VYBER,1.00,-580.00,SANKC. UROK,,',
      ].join('\n'),
    );
    expect(lines.map(({ direction, counterparty, amount }) => [direction, counterparty.address, amount])).toEqual([
      ['credit', 'world:cash', 70_000n],
      ['debit', 'world:cash', 10_050n],
      ['debit', 'world:cash', 1_000n],
      ['debit', 'world:cards', 950n],
      ['credit', 'world:banks:CD', 100n],
      ['debit', 'world:banks:unnamed', 100n],
      ['credit', 'interest:paid', 200n],
      ['debit', 'fees:statements', 100n],
      ['debit', 'interest:penalties', 100n],
    ]);
    expect(lines.at(-1)).toMatchObject({ line: 10, transId: '9', accountId: '7', recordedBalance: -58_000n });
  });

  it.each([
    ['CRLF', `${HEADER}\r\n${LINE}\r\n`],
    ['a mixture of line ends', `${HEADER}\r\n${LINE}\n`],
    ['quoted fields', `${HEADER}\n"1","7","930101","PRIJEM","VKLAD","700.00","700.00","","",""\n`],
    ['a byte order mark', `\ufeff${HEADER}\n${LINE}\n`],
    ['empty lines', `${HEADER}\n\n${LINE}\n\n`],
    ['no newline at the end', `${HEADER}\n${LINE}`],
    [
      'other columns, in another order',
      `${'balance,x,'}${HEADER.replace('balance,', '')}\n700.00,é,${LINE.replace('700.00,', '')}`,
    ],
  ])('%s', async (_name, content) => {
    expect(await read(content)).toMatchObject([{ transId: '1', amount: 70_000n, recordedBalance: 70_000n }]);
  });
});

describe('refuses', () => {
  it.each([
    ['invalid_trans_id', 'x,7,930101,PRIJEM,VKLAD,700.00,700.00,,,'],
    ['invalid_account_id', '1,,930101,PRIJEM,VKLAD,700.00,700.00,,,'],
    ['invalid_date', '1,7,930231,PRIJEM,VKLAD,700.00,700.00,,,'],
    ['invalid_date', '1,7,1993-01-01,PRIJEM,VKLAD,700.00,700.00,,,'],
    ['unknown_type', '1,7,930101,prijem,VKLAD,700.00,700.00,,,'],
    ['unknown_operation', '1,7,930101,PRIJEM,VKLADY,700.00,700.00,,,'],
    ['unknown_operation', '1,7,930101,VYDAJ,VKLAD,700.00,700.00,,,'],
    ['unknown_operation', '1,7,930101,PRIJEM,,700.00,700.00,,,'],
    ['unknown_operation', '1,7,930101,PRIJEM,constructor,700.00,700.00,,,'],
    ['invalid_amount', '1,7,930101,PRIJEM,VKLAD,0.00,700.00,,,'],
    ['invalid_amount', '1,7,930101,PRIJEM,VKLAD,-1.00,700.00,,,'],
    ['invalid_amount', '1,7,930101,PRIJEM,VKLAD,1.005,700.00,,,'],
    ['invalid_amount', `1,7,930101,PRIJEM,VKLAD,${'9'.repeat(39)},700.00,,,`],
    ['invalid_balance', '1,7,930101,PRIJEM,VKLAD,700.00,,,,'],
    ['invalid_bank', '1,7,930101,PRIJEM,PREVOD Z UCTU,700.00,700.00,,A:B,'],
    ['wrong_field_count', '1,7,930101,PRIJEM'],
    ['wrong_field_count', '1,7,930101,PRIJEM,VKLAD,700,00,700.00,,,'],
    ['not_csv', '1,7,930101,PRIJEM,VKLAD,"700.00,700.00,,,'],
    ['not_csv', '1,7,930101,PRIJEM,VKLAD,"700".00,700.00,,,'],
  ])('readBankFile refuses a line with its number: %s, %s', async (code, line) => {
    const content = [HEADER, LINE.replace('1,', '90,'), line, LINE.replace('1,', '91,')].join('\n');
    const error = await refusal(read(content));
    expect(error).toMatchObject({ code, line: 3 });
    expect(error.message).toContain(`line 3: ${code}: `);
    expect(error.message).toContain('nothing of it was posted');
  });

  it('readBankFile refuses a duplicate trans_id, and names both lines', async () => {
    const error = await refusal(read([HEADER, LINE, LINE].join('\n')));
    expect(error).toMatchObject({ code: 'duplicate_trans_id', line: 3 });
    expect(error.message).toContain('line 2');
  });

  it('readBankFile refuses text that is not UTF-8, with the line number', async () => {
    const latin1 = Buffer.from(LINE.replace('1,', '2,').replace('PRIJEM', 'PŘÍJEM'), 'latin1');
    const error = await refusal(read(Buffer.concat([Buffer.from(`${HEADER}\n${LINE}\n`), latin1])));
    expect(error).toMatchObject({ code: 'not_utf8', line: 3 });
  });

  it('readBankFile refuses a line that does not end', async () => {
    expect(await refusal(read(`${HEADER}\n${'1'.repeat(200_000)}`))).toMatchObject({ code: 'not_csv', line: 2 });
  });

  it('readBankFile refuses a header that lacks columns', async () => {
    const error = await refusal(read(`trans_id;account_id\n${LINE}`));
    expect(error).toMatchObject({ code: 'missing_column', line: 1 });
    expect(error.message).not.toContain('line 2');
  });

  it('readBankFile refuses an empty file, and one without transactions', async () => {
    expect(await refusal(read(''))).toMatchObject({ code: 'file_empty' });
    expect(await refusal(read(HEADER))).toMatchObject({ code: 'file_empty' });
  });

  it('readBankFile refuses a missing file and a directory', async () => {
    expect(await refusal(readBankFile(join(directory, 'none.csv')))).toMatchObject({ code: 'file_not_found' });
    expect(await refusal(readBankFile(directory))).toMatchObject({ code: 'not_a_file' });
  });

  it('readBankFile names the first twenty of many broken lines', async () => {
    const lines = Array.from({ length: 30 }, (_, index) => `${index},7,930101,PRIJEM,VKLAD,0,0,,,`);
    const error = await refusal(read([HEADER, ...lines].join('\n')));
    expect(error.message).toContain('30 broken lines');
    expect(error.message).toContain('line 21: ');
    expect(error.message).not.toContain('line 22: ');
    expect(error.message).toContain('and 10 more');
  });
});
