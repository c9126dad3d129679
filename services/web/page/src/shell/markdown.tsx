// Shows Markdown without ever generating HTML: the parser's tokens become elements, and anything that looks like markup
// stays text.

import { Lexer, type Token, type Tokens } from "marked";
import type { ComponentChild } from "preact";

const HEADINGS = ["h3", "h4", "h5", "h6"] as const;

// Entities for characters that have a meaning in Markdown; all others stay as written.
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
      // HTML and images stay as written.
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

/** Return a link; any address that is neither http nor https is shown as text. */
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
