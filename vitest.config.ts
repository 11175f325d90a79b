import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Shell programs are text, as setup/build.mjs bundles them. */
const shellAsText = {
  name: 'shell-as-text',
  load: (id: string) => (id.endsWith('.sh') ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))}` : undefined),
};

export default defineConfig({
  plugins: [shellAsText],
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build-once.ts'],
    // Generous: a busy two-core machine must not fail a test that a quiet one passes.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 50_000 } },
    maxWorkers: 4,
  },
});
