import { defineConfig } from 'vite';

/** The page as a few static files that a strict content security policy lets through: nothing inline, nothing from elsewhere. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/page',
    emptyOutDir: true,
    // Phones of five years ago stand in cellars, too.
    target: ['es2022', 'chrome100', 'firefox102', 'safari15.4'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // How long its plugins took is nobody's business.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
