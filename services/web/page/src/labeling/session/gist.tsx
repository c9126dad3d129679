// What to judge by, in one line under the question: the start of the guidelines.

import { Lexer, type Token } from "marked";

import { guidelines } from "./guidelines_book";

export function Gist() {
  const text = gistOf(guidelines.value?.text ?? "");
  if (!guidelines.value) return null;
  return (
    <p class="gist">
      <span id="gist" title={text}>
        {text}
      </span>
      <button type="button" class="quiet" data-action="guidelines">
        Guidelines <kbd>G</kbd>
      </button>
    </p>
  );
}

/** Return the first paragraph as plain text. */
function gistOf(markdown: string): string {
  const paragraph = Lexer.lex(markdown).find(({ type }) => type === "paragraph");
  return paragraph ? plain(paragraph).replace(/\s+/g, " ").trim() : "";
}

function plain(token: Token): string {
  if ("tokens" in token && token.tokens) return token.tokens.map(plain).join("");
  return "text" in token ? String(token.text) : token.type === "br" ? " " : "";
}
