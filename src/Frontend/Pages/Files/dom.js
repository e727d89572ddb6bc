// Makes elements. Text goes in as text nodes only, so nothing that a model or a tool says can become markup.

const SVG = 'http://www.w3.org/2000/svg';

export const byId = (id) => document.getElementById(id);

/** An element with properties (`class` is its class), and children: nodes, or texts. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'class') element.className = value;
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }

  element.append(...children);
  return element;
}

/** An SVG element with attributes. */
export function makeSvg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A table with a caption, a row of headings, and rows of texts. */
export function makeTable(caption, headings, rows) {
  const cells = (tag, texts, scope) => make('tr', {}, ...texts.map((text, i) =>
    make(i === 0 && tag === 'td' ? 'th' : tag, { scope: i === 0 && tag === 'td' ? 'row' : scope }, text)));
  return make('table', {}, make('caption', {}, caption),
    make('thead', {}, cells('th', headings, 'col')),
    make('tbody', {}, ...rows.map((row) => cells('td', row, ''))));
}

/** So many of something. */
export const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** Milliseconds for people. Here and below a number and its unit stay on one line. */
export const inMs = (ms) => `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)}\u00a0ms`;

/** Whole milliseconds, the difference of two times of day, for people. */
export const inWholeMs = (ms) => ms < 10_000 ? `${Math.round(ms)}\u00a0ms` : `${(ms / 1000).toFixed(1)}\u00a0s`;

/** Bytes for people. */
export const inBytes = (bytes) => bytes < 10_000 ? counted(Math.round(bytes), 'byte')
  : bytes < 10_000_000 ? `${(bytes / 1000).toFixed(0)}\u00a0KB` : `${(bytes / 1_000_000).toFixed(1)}\u00a0MB`;
