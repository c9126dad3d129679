// Shows Markdown without ever making HTML of it: the parser's tokens become elements of ours, and whatever looks like
// markup stays text.

import { Lexer, type Token, type Tokens } from "marked";
import type { ComponentChild } from "preact";

const HEADINGS = ["h3", "h4", "h5", "h6"] as const;

// What owners write for characters that Markdown gives a meaning; other entities stay as they are written.
const ENTITIES: Record<string, string> = {
  "&lt;": "<",
  "&gt;": ">",
  "&amp;": "&",
  "&quot;": '"',
  "&#39;": "'",
  "&nbsp;": "\u00a0",
};

/** Shows a text in Markdown. */
export function Markdown({ text }: { text: string }) {
  return <div class="markdown">{elementsOf(Lexer.lex(text))}</div>;
}

function elementsOf(tokens: readonly Token[] | undefined): ComponentChild[] {
  return (tokens ?? []).map((token, index) => elementOf(token, index));
}

function elementOf(token: Token, key: number): ComponentChild {
  switch (token.type) {
    case "heading": {
      // The page has its own h1 and h2.
      const Heading = HEADINGS[Math.min((token as Tokens.Heading).depth, HEADINGS.length) - 1] ?? "h6";
      return <Heading key={key}>{elementsOf(token.tokens)}</Heading>;
    }
    case "paragraph":
      return <p key={key}>{elementsOf(token.tokens)}</p>;
    case "blockquote":
      return <blockquote key={key}>{elementsOf(token.tokens)}</blockquote>;
    case "list":
      return listOf(token as Tokens.List, key);
    case "table":
      return tableOf(token as Tokens.Table, key);
    case "code":
      return (
        <pre key={key}>
          <code>{(token as Tokens.Code).text}</code>
        </pre>
      );
    case "hr":
      return <hr key={key} />;
    case "space":
    case "def":
      return null;
    default:
      return inlineOf(token, key);
  }
}

function inlineOf(token: Token, key: number): ComponentChild {
  switch (token.type) {
    case "strong":
      return <strong key={key}>{elementsOf(token.tokens)}</strong>;
    case "em":
      return <em key={key}>{elementsOf(token.tokens)}</em>;
    case "del":
      return <del key={key}>{elementsOf(token.tokens)}</del>;
    case "codespan":
      return <code key={key}>{(token as Tokens.Codespan).text}</code>;
    case "br":
      return <br key={key} />;
    case "link":
      return linkOf(token as Tokens.Link, key);
    case "text":
    case "escape":
      return "tokens" in token && token.tokens ? elementsOf(token.tokens) : unescaped((token as Tokens.Text).text);
    default:
      // HTML and pictures: as they were written.
      return unescaped(token.raw);
  }
}

function listOf(list: Tokens.List, key: number): ComponentChild {
  const items = list.items.map((item, index) => <li key={index}>{elementsOf(item.tokens)}</li>);
  return list.ordered ? (
    <ol key={key} start={Number(list.start) || 1}>
      {items}
    </ol>
  ) : (
    <ul key={key}>{items}</ul>
  );
}

function tableOf(table: Tokens.Table, key: number): ComponentChild {
  return (
    <table key={key}>
      <thead>
        <tr>
          {table.header.map((cell, index) => (
            <th key={index}>{elementsOf(cell.tokens)}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {table.rows.map((row, place) => (
          <tr key={place}>
            {row.map((cell, index) => (
              <td key={index}>{elementsOf(cell.tokens)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Gives a link; an address of another kind than http and https is shown and leads nowhere. */
function linkOf(link: Tokens.Link, key: number): ComponentChild {
  if (!/^https?:\/\//i.test(link.href)) return unescaped(link.raw);
  return (
    <a key={key} href={link.href} target="_blank" rel="noopener noreferrer">
      {elementsOf(link.tokens)}
    </a>
  );
}

function unescaped(text: string): string {
  return text.replace(/&(?:lt|gt|amp|quot|#39|nbsp);/g, (entity) => ENTITIES[entity] ?? entity);
}
