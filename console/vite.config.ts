import { defineConfig, type Plugin } from 'vite';

/** The types that the function `get-console` serves. */
const SERVED = /\.(html|js|css|svg|md|txt)$/;

/** Fails the build for a file that API Gateway cannot serve: REST APIs return text only. */
function textFilesOnly(): Plugin {
  return {
    name: 'text-files-only',
    generateBundle(_, bundle) {
      for (const name of Object.keys(bundle)) {
        if (name.includes('/')) this.error(`${name} is in a folder; the routes have none`);
        if (!SERVED.test(name)) this.error(`${name} is not a text file; the API serves no other`);
      }
    },
  };
}

export default defineConfig({
  base: '/v1/console/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [textFilesOnly()],
  build: {
    assetsDir: '.',
    target: 'es2022',
    // No inline assets and no polyfill script: the policy allows neither.
    assetsInlineLimit: 0,
    modulePreload: false,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: { index: 'index.html', sw: 'src/try-it/service-worker.ts' },
      output: {
        // A service worker keeps its address.
        entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : '[name]-[hash].js'),
        chunkFileNames: '[name]-[hash].js',
        assetFileNames: '[name]-[hash][extname]',
      },
    },
  },
});
