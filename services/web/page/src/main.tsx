// Starts the page that the address names.

import { render } from "preact";

import { App, pageModule } from "./shell/app";
import { currentPage } from "./shell/pages";
import { begin } from "./shell/shell";

import "./shell/shell.css";

const page = currentPage();
const root = document.getElementById("app");
if (root) render(<App page={page} />, root);

addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) location.reload();
});

void begin(page.kinds);
void page.load().then((module) => (pageModule.value = module));
