// Copies what the pages use out of node_modules/ into shop/static/vendor/, which is not under version control.
// Run after `npm ci --ignore-scripts`. Needs nothing but Node, changes nothing else, and may run again at any time.

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const vendor = join(root, "shop", "static", "vendor");

const files = {
  "@tabler/core/dist/css/tabler.min.css": "tabler.css",
  "swagger-ui-dist/swagger-ui.css": "swagger-ui.css",
  "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui.js",
  "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "swagger-ui.LICENSE.txt",
  // The whole build as a module: the smaller ones lack the flow or the map. Only pages with a chart ask for it.
  "echarts/dist/echarts.esm.min.mjs": "echarts.js",
  "echarts/LICENSE": "echarts.LICENSE.txt",
  "echarts/NOTICE": "echarts.NOTICE.txt",
};

// Code points of Microsoft's Fluent emoji, by the name that the shop gives them. Categories first.
const art = {
  grain: "1f33e", produce: "1f9fa", livestock: "1f404", herb: "1f33f", forest: "1f333", drink: "1f376", craft: "1f3fa",
  apple: "1f34e", apricot: "1f351", beans: "1fad8", blueberry: "1fad0", bread: "1f956", carrot: "1f955",
  cherry: "1f352", chestnut: "1f330", chicken: "1f413", chilli: "1f336-fe0f", cup: "1f3c6", egg: "1f95a", garlic: "1f9c4",
  gift: "1f381", ginkgo: "1f342", goat: "1f410", grapes: "1f347", herb_root: "1fada", honey: "1f36f", jujube: "1fad8",
  juice: "1f9c3", knife: "1f52a", leafy: "1f96c", lily: "1fab7", meat: "1f969", melon: "1f348", milk: "1f95b",
  mushroom: "1f344", noodles: "1f35c", oil: "1fad2", onion: "1f9c5", ox: "1f402", painting: "1f5bc-fe0f", peach: "1f351",
  pear: "1f350", pepper: "1f336-fe0f", pig: "1f416", potato: "1f954", ram: "1f40f", rice: "1f35a", rose: "1f339",
  scissors: "2702-fe0f", sprout: "1f331", tea: "1f375", thread: "1f9f6", tomato: "1f345", watermelon: "1f349",
  wine: "1f377",
  // The pages' own: empty states and the head of the shop.
  basket: "1f9fa", mountain: "1f3d4-fe0f", parcel: "1f4e6",
};

const icons = [
  "adjustments-horizontal", "alert-circle", "alert-triangle", "api", "arrow-left", "arrow-right", "arrows-sort", "ban",
  "basket", "book", "building-bank", "building-community", "building-store", "calendar", "cash", "certificate",
  "chart-bar", "check", "chevron-down", "chevron-left", "chevron-right", "circle-check", "clipboard-list", "clock",
  "coin", "copy", "database", "download", "edit", "external-link", "eye", "file-check", "file-invoice", "file-text",
  "filter", "heart-handshake", "history", "home", "info-circle", "key", "leaf", "link", "list-check", "lock", "login",
  "logout", "mail", "map-pin", "menu-2", "minus", "package", "paperclip", "phone", "plus", "printer", "receipt",
  "receipt-2", "refresh", "report-money", "rubber-stamp", "scale", "search", "shield-check", "shopping-bag", "snowflake",
  "table-export", "temperature", "trash", "truck", "upload", "user", "users", "world", "x",
];

/** One line icon as a symbol of the sprite; stroke and size come from the `.icon` class of the page. */
function symbol(name) {
  const svg = readFileSync(join(modules, "@tabler", "icons", "icons", "outline", `${name}.svg`), "utf8");
  const paths = svg.match(/<path[^>]*>/g).filter((path) => !path.includes('stroke="none"'));
  return `<symbol id="${name}" viewBox="0 0 24 24">${paths.join("")}</symbol>`;
}

/** The source maps are not copied, so nothing may point at them. */
function withoutSourceMap(css) {
  return css.replace(/\/\*# sourceMappingURL=[^*]*\*\//g, "");
}

rmSync(vendor, { recursive: true, force: true });
mkdirSync(join(vendor, "art"), { recursive: true });
for (const [source, target] of Object.entries(files)) {
  if (target.endsWith(".css")) {
    writeFileSync(join(vendor, target), withoutSourceMap(readFileSync(join(modules, source), "utf8")));
  } else {
    copyFileSync(join(modules, source), join(vendor, target));
  }
}
for (const [name, points] of Object.entries(art)) {
  copyFileSync(join(modules, "@lobehub", "fluent-emoji-3d", "assets", `${points}.webp`), join(vendor, "art", `${name}.webp`));
}
writeFileSync(
  join(vendor, "icons.svg"),
  `<svg xmlns="http://www.w3.org/2000/svg">${icons.map(symbol).join("\n")}</svg>\n`,
);
