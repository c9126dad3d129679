// Curves as files: a table, or the charts as they are drawn.

/** Return rows as CSV (RFC 4180): a header line, then one line per row; empty where there is no value. */
export function csvOf(columns: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const line = (cells: readonly (string | number | null)[]) => cells.map(quoted).join(",");
  return [columns, ...rows].map(line).join("\r\n") + "\r\n";
}

function quoted(cell: string | number | null): string {
  const text = cell === null ? "" : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Save a file as a browser download. */
export function save(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // Chromium reads the address after the click has returned.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "font-size"];
const GAP = 28;
const TITLE_HEIGHT = 44;
const FONT = "system-ui, 'Liberation Sans', sans-serif";

/** Return one image of all charts in an element, two per row, as they look on the page. */
export function svgOf(frame: Element): string {
  const charts = [...frame.querySelectorAll<HTMLElement>(".chart")].filter((chart) => chart.querySelector(".plot svg"));
  const style = getComputedStyle(document.documentElement);
  const [ground, ink] = [style.getPropertyValue("--surface"), style.getPropertyValue("--ink")];
  const width = Math.max(0, ...charts.map((chart) => chart.querySelector(".plot")?.clientWidth ?? 0));
  const height = Math.max(0, ...charts.map((chart) => chart.querySelector(".plot")?.clientHeight ?? 0)) + TITLE_HEIGHT;
  const numColumns = Math.min(2, charts.length);
  const [wholeWidth, wholeHeight] = [
    numColumns * (width + GAP) + GAP,
    Math.ceil(charts.length / Math.max(1, numColumns)) * (height + GAP) + GAP,
  ];
  const parts = charts.map((chart, index) => {
    const x = GAP + (index % numColumns) * (width + GAP);
    const y = GAP + Math.floor(index / numColumns) * (height + GAP);
    const keys = [...chart.querySelectorAll<HTMLElement>(".key")].map(keyWords);
    return (
      `<g transform="translate(${x} ${y})"><text y="12" font-size="14" font-weight="600" fill="${ink}">` +
      `${escaped(chart.querySelector("h3")?.textContent?.trim() ?? "")}</text>` +
      `<text y="32" font-size="12">${keys.join("")}</text>` +
      `<g transform="translate(0 ${TITLE_HEIGHT})">${drawn(chart)}</g></g>`
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${wholeWidth}" height="${wholeHeight}" font-family="${FONT}">` +
    `<rect width="100%" height="100%" fill="${ground}"/>${parts.join("")}</svg>`
  );
}

function keyWords(key: HTMLElement): string {
  const line = key.querySelector("line");
  const colour = line ? getComputedStyle(line).stroke : "currentColor";
  return `<tspan fill="${colour}">— </tspan><tspan fill="${getComputedStyle(key).color}">${escaped(key.textContent ?? "")}   </tspan>`;
}

/** Return a chart's drawing with the page's styles inlined, since a file has no style sheet. */
function drawn(chart: Element): string {
  const original = chart.querySelector(".plot svg");
  const copy = original?.cloneNode(true) as SVGElement;
  const originals = [...(original?.querySelectorAll("*") ?? [])];
  [...copy.querySelectorAll("*")].forEach((element, index) => {
    const source = originals[index];
    if (!source) return;
    const computed = getComputedStyle(source);
    for (const name of STYLES) element.setAttribute(name, computed.getPropertyValue(name));
    element.removeAttribute("class");
  });
  return copy.innerHTML;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Return an SVG as PNG, with twice the pixels each way. */
export async function pngOf(svg: string): Promise<Blob> {
  const image = new Image();
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth * 2, image.naturalHeight * 2];
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser couldn’t draw the image"))), "image/png"),
    );
  } finally {
    URL.revokeObjectURL(url);
  }
}
