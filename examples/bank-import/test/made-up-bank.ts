export const HEADER = 'trans_id,account_id,date,type,operation,amount,balance,k_symbol,bank,account';

interface MadeUpBank {
  readonly accounts: number;
  readonly days: number;
}

/**
 * A bank's file in the published format: every account has two movements a day, which stand in the wrong order, and
 * every second account has a balance that the bank rounded by 0.10.
 */
export function madeUpBankFile({ accounts, days }: MadeUpBank): string {
  const lines: string[] = [];
  const printed = new Array<number>(accounts).fill(0);
  for (let day = 0; day < days; day++) {
    for (let account = 0; account < accounts; account++) {
      const morning = (printed[account] ?? 0) + 90_000;
      const evening = morning - 35_050 + (account % 2 === 1 && day === 1 ? 10 : 0);
      lines.push(
        line({ id: 2 * lines.length + 1, account, day, debit: 35_050, balance: evening }),
        line({ id: 2 * lines.length + 2, account, day, credit: 90_000, balance: morning }),
      );
      printed[account] = evening;
    }
  }
  return [HEADER, ...lines, ''].join('\n');
}

function line(movement: {
  readonly id: number;
  readonly account: number;
  readonly day: number;
  readonly debit?: number;
  readonly credit?: number;
  readonly balance: number;
}): string {
  const { id, account, day, debit, credit = 0, balance } = movement;
  const date = `9301${String(day + 1).padStart(2, '0')}`;
  const kind = debit === undefined ? 'PRIJEM,VKLAD' : 'VYDAJ,VYBER';
  return `${id},${account + 1},${date},${kind},${decimal(debit ?? credit)},${decimal(balance)},,,`;
}

function decimal(units: number): string {
  return (units / 100).toFixed(2);
}
