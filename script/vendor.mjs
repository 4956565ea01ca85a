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
  "@tabler/core/LICENSE": "tabler.LICENSE.txt",
  "swagger-ui-dist/swagger-ui.css": "swagger-ui.css",
  "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui.js",
  "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "swagger-ui.LICENSE.txt",
};

// Code points of Microsoft's Fluent emoji, by the name that the shop gives them.
const art = {
  grain: "1f33e", produce: "1f34e", livestock: "1f411", herb: "1f33f", forest: "1f330", drink: "1f375", craft: "1f3fa",
  apple: "1f34e", apricot: "1f351", basket: "1f9fa", bean: "1fad8", beef: "1f969", beer: "1f37a", beetroot: "1f360",
  blossom: "1f33c", blueberry: "1fad0", bread: "1f35e", brush: "1f58c-fe0f", cabbage: "1f96c", carrot: "1f955",
  cheese: "1f9c0", cherry: "1f352", chicken: "1f413", chili: "1f336-fe0f", egg: "1f95a", garlic: "1f9c4", ginger: "1fada",
  goji: "1fad0", grapes: "1f347", greens: "1f957", honey: "1f36f", juice: "1f9c3", lily: "1fab7", liquor: "1f376",
  melon: "1f348", milk: "1f95b", mountain: "1f3d4-fe0f", mushroom: "1f344", nest: "1fab9", noodles: "1f35c",
  olive: "1fad2", onion: "1f9c5", parcel: "1f4e6", peach: "1f351", pear: "1f350", pig: "1f416", potato: "1f954",
  rice: "1f35a", rose: "1f339", scroll: "1f4dc", seed: "1f33b", strawberry: "1f353", thread: "1f9f5", tomato: "1f345",
  walnut: "1f330", watermelon: "1f349", wine: "1f377", yak: "1f402", yarn: "1f9f6",
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

rmSync(vendor, { recursive: true, force: true });
mkdirSync(join(vendor, "art"), { recursive: true });
for (const [source, target] of Object.entries(files)) {
  copyFileSync(join(modules, source), join(vendor, target));
}
for (const [name, points] of Object.entries(art)) {
  copyFileSync(join(modules, "@lobehub", "fluent-emoji-3d", "assets", `${points}.webp`), join(vendor, "art", `${name}.webp`));
}
writeFileSync(
  join(vendor, "icons.svg"),
  `<svg xmlns="http://www.w3.org/2000/svg">${icons.map(symbol).join("\n")}</svg>\n`,
);
