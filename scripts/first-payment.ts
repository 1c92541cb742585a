// npm run example:first-payment: against a server that runs already.
await import(new URL('../examples/first-payment/src/main.ts', import.meta.url).href);
