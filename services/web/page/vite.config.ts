// Builds the pages into ../static, from where the gateway serves them under /static.

import { defineConfig } from "vite";

export default defineConfig({
  base: "/static/",
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    // The gateway's policy takes neither inline scripts nor data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { main: "index.html" },
      checks: { pluginTimings: false },
      output: {
        // Fixed names: a browser asks for each file each time and gets it again only if its hash changed.
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
});
