import { describe, expect, it } from 'vitest';
import { readConfig, redactConfig } from './config.js';

const DATABASE_URL = 'postgres://user:secret@db.example.com:5432/money?sslmode=require';

describe('the environment', () => {
  it('needs no more than a database', () => {
    expect(readConfig({ DATABASE_URL, PORT: '', LEDGER: '' })).toEqual({
      databaseUrl: DATABASE_URL,
      databaseSchema: 'micropay',
      ledger: 'main',
      host: '127.0.0.1',
      port: 3000,
      tokenIssuer: 'micropay',
      trustedProxies: 0,
      corsOrigins: [],
      logLevel: 'info',
    });
  });

  it('is read once it is complete', () => {
    const config = readConfig({
      DATABASE_URL,
      PORT: '0',
      HOST: '::1',
      OPERATOR_API_KEY: '0123456789abcdef',
      CORS_ORIGINS: 'https://a.example.com, http://localhost:5173',
      TRUSTED_PROXIES: '2',
      DATA_DIR: '/var/lib/micropay',
    });
    expect(config).toMatchObject({
      port: 0,
      operatorApiKey: '0123456789abcdef',
      corsOrigins: ['https://a.example.com', 'http://localhost:5173'],
      trustedProxies: 2,
      dataDirectory: '/var/lib/micropay',
    });
  });

  it.each([
    ['no DATABASE_URL', { DATABASE_URL: '' }, 'DATABASE_URL is missing: set it to postgresql://'],
    ['another scheme', { DATABASE_URL: 'mysql://x' }, 'DATABASE_URL must look like postgresql://'],
    ['a PORT that is no number', { PORT: 'http' }, 'PORT must be a port number'],
    ['a PORT that is too large', { PORT: '70000' }, 'PORT '],
    ['a short OPERATOR_API_KEY', { OPERATOR_API_KEY: 'short' }, 'OPERATOR_API_KEY must have at least 16'],
    ['an OPERATOR_API_KEY of two words', { OPERATOR_API_KEY: 'two words 0123456789' }, 'OPERATOR_API_KEY must not'],
    ['an unknown LOG_LEVEL', { LOG_LEVEL: 'loud' }, 'LOG_LEVEL '],
    ['any origin', { CORS_ORIGINS: '*' }, 'CORS_ORIGINS must be origins'],
    ['a negative number of proxies', { TRUSTED_PROXIES: '-1' }, 'TRUSTED_PROXIES '],
  ])('is refused with %s, by the name of the variable', (_name, change, message) => {
    expect(() => readConfig({ DATABASE_URL, ...change })).toThrow(message);
  });
});

it('shows no secret when it is logged', () => {
  const text = JSON.stringify(redactConfig(readConfig({ DATABASE_URL, OPERATOR_API_KEY: '0123456789abcdef' })));
  expect(text).toContain('postgres://user:[redacted]@db.example.com:5432/money');
  expect(text).not.toContain('secret');
  expect(text).not.toContain('0123456789abcdef');
});
