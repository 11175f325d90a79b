import { configDefaults, mergeConfig } from 'vitest/config';
import usual from './vitest.config.ts';

/** What one runs again and again: without whole boxes, browsers and installations. `sh setup/test.sh` runs all. */
export default mergeConfig(usual, {
  test: {
    exclude: [
      ...configDefaults.exclude,
      'test/daemon/scratch/**',
      'test/docs-typed.test.ts',
      'test/hostile/**',
      'test/server/release/{crashtest,dry-run,withdraw}.test.ts',
      'test/setup/**',
      'test/systemd/restore.test.ts',
      'test/ui/page/**',
    ],
  },
});
