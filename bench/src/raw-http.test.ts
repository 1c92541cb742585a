import { describe, expect, it } from 'vitest';
import { parseAnswer } from './raw-http.js';

const parse = (text: string) => {
  const answer = parseAnswer(Buffer.from(text));
  return answer && { status: answer.status, body: answer.body.toString() };
};

describe('parseAnswer', () => {
  it('parseAnswer waits for the whole of an answer of known length', () => {
    const whole = 'HTTP/1.1 201 Created\r\nContent-Length: 7\r\nx: y\r\n\r\n{"a":1}';
    for (let end = 0; end < whole.length; end++) expect(parse(whole.slice(0, end))).toBeUndefined();
    expect(parse(whole)).toEqual({ status: 201, body: '{"a":1}' });
  });

  it('parseAnswer waits for the last chunk of an answer in chunks', () => {
    const begun = 'HTTP/1.1 422 X\r\ntransfer-encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n';
    expect(parse(begun)).toBeUndefined();
    expect(parse(`${begun}0\r\n\r\n`)).toMatchObject({ status: 422 });
  });

  it('parseAnswer takes an answer without a body', () => {
    expect(parse('HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n')).toEqual({ status: 204, body: '' });
  });
});
