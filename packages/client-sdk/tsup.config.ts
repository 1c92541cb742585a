import { defineConfig, type Options } from 'tsup';

const shared = {
  entry: { index: 'src/index.ts', webhooks: 'src/webhooks.ts' },
  target: 'es2022',
  platform: 'neutral',
  dts: true,
  sourcemap: true,
} satisfies Options;

export default defineConfig([
  { ...shared, format: 'esm', clean: true },
  {
    ...shared,
    // For Jest and other tools that cannot load modules; Node itself takes the modules, also by `require`.
    format: 'cjs',
  },
]);
