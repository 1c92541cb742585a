import { describe, expect, it } from 'vitest';
import { COMMAND_BYTES_MAX, decodeCommand } from './command.js';

const DATA = { from: 'a', to: 'b', amount: '5', currency: 'USD' };
const HEADERS = { ce_id: 'order-1', ce_source: '/shop', ce_type: 'transfer.request.v1' };

function decode(data: unknown, headers: Record<string, string | undefined> = {}) {
  const all: Record<string, string | undefined> = { ...HEADERS, ...headers };
  const value = Buffer.isBuffer(data) || data === null ? (data as Buffer | null) : Buffer.from(JSON.stringify(data));
  return decodeCommand({ value, header: (name) => all[name] });
}

describe('a command', () => {
  it('a command becomes a transfer request, named and asked for by its source', () => {
    const data = { ...DATA, description: 'd', metadata: { a: [1] }, effectiveAt: '2026-01-02T03:04:05.678Z' };
    expect(decode(data)).toEqual({
      ok: true,
      request: {
        from: 'a',
        to: 'b',
        amount: 5n,
        currency: 'USD',
        description: 'd',
        metadata: { a: [1] },
        effectiveAt: new Date('2026-01-02T03:04:05.678Z'),
        idempotencyKey: 'order-1',
        scope: 'commands:/shop',
        requestedBy: '/shop',
      },
    });
  });

  it('a command that names a member twice is told which', () => {
    const decoded = decode(Buffer.from('{"metadata":{"a":1,"\\u0061":2}}'));
    expect(decoded).toMatchObject({
      invalid: { reason: 'invalid_request', message: expect.stringContaining('metadata.a') },
    });
  });

  it.each<[unknown, string]>([
    [[], 'the data must be a JSON object'],
    [
      {},
      'from must be text; to must be text; amount must be a positive whole number of minor units, at most 38 digits, as text; currency must be text',
    ],
    [{ ...DATA, dry_run: true }, 'the data must not have unknown fields: dry_run'],
    [{ ...DATA, amount: '0' }, 'amount must be a positive whole number of minor units, at most 38 digits, as text'],
    [{ ...DATA, metadata: 1 }, 'metadata must be a JSON object'],
    [{ ...DATA, effectiveAt: 'today' }, 'effectiveAt must be RFC 3339 in UTC, such as 2026-11-22T18:00:00Z'],
  ])('a command that is %j is told what is wrong in words of the ledger', (data, message) => {
    expect(decode(data)).toEqual({ ok: false, invalid: { reason: 'invalid_request', message } });
  });

  it('a command may begin with a byte order mark', () => {
    expect(decode(Buffer.from(`\uFEFF${JSON.stringify(DATA)}`))).toMatchObject({ ok: true });
  });

  it.each([
    ['too_large', Buffer.alloc(COMMAND_BYTES_MAX + 1), {}],
    ['malformed_attributes', DATA, { ce_id: undefined }],
    ['malformed_attributes', DATA, { ce_id: '' }],
    ['malformed_attributes', DATA, { ce_id: 'a b' }],
    ['malformed_attributes', DATA, { ce_id: 'x'.repeat(201) }],
    ['malformed_attributes', DATA, { ce_source: undefined }],
    ['malformed_attributes', DATA, { ce_source: 'a\u0000' }],
    ['unknown_type', DATA, { ce_type: 'transfer.request.v2' }],
    ['unknown_type', DATA, { ce_type: undefined }],
    ['unknown_type', DATA, { ce_type: 'toString' }],
    ['malformed_json', null, {}],
    ['malformed_json', Buffer.from('{"from":'), {}],
    ['malformed_json', Buffer.from([0x22, 0xff, 0x22]), {}],
    ['malformed_json', Buffer.from(JSON.stringify({ ...DATA, description: 'ä' }), 'latin1'), {}],
    ['invalid_request', null, { body: '{"from":"a","to":"b","amount":"5","amount":"500000","currency":"USD"}' }],
    ['invalid_request', null, { body: '{"from":"a","to":"b","amount":"5","currency":"USD","metadata":{"a":1e400}}' }],
    ['invalid_request', null, { body: '{"from":"a","to":"b","amount":"5","currency":"USD","__proto__":{}}' }],
    ['invalid_request', [], {}],
    ['invalid_request', null, { body: 'null' }],
    ['invalid_request', { ...DATA, amount: 5 }, {}],
    ['invalid_request', { ...DATA, amount: '0' }, {}],
    ['invalid_request', { ...DATA, amount: '-5' }, {}],
    ['invalid_request', { ...DATA, amount: '9'.repeat(39) }, {}],
    ['invalid_request', { ...DATA, to: undefined }, {}],
    ['invalid_request', { ...DATA, dryRun: true }, {}],
    ['invalid_request', { ...DATA, effectiveAt: 'tomorrow' }, {}],
  ])('a command is none for %s: %j %j', (reason, data, headers) => {
    const value = 'body' in headers ? Buffer.from(headers.body) : data;
    expect(decode(value, headers)).toMatchObject({ ok: false, invalid: { reason, message: expect.any(String) } });
  });
});
