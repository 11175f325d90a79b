import { defineConfig, mergeConfig } from 'vitest/config';
import usual from './vitest.config.ts';

/** npm run screenshots: takes the pictures of README and docs anew, from the real page of a real daemon. */
const config = mergeConfig(usual, defineConfig({}));
export default { ...config, test: { ...config.test, include: ['test/ui/page/screenshots.ts'] } };
