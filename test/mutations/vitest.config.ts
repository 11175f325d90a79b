import { defineConfig } from 'vitest/config';
import usual from '../../vitest.config.ts';

/** Without the bundles, which most of these tests do not start and which need not be made for each mutation. */
export default defineConfig({ ...usual, test: { ...usual.test, globalSetup: [] } });
