// Draws figures of turns against the items that each of them held.
import { makeSvg } from './dom.js';

const WIDTH = 380;
const HEIGHT = 190;
const LEFT = 88;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 32;

/**
 * Draws a plot. `lines` are `{points: [[x, y], …]}`; `format` writes a number of the upright axis, which ends at `top`.
 * A point beyond that stands at the upper edge, hollow.
 */
export function drawPlot({ label, lines, format, top = Infinity }) {
  const points = lines.flatMap((line) => line.points);
  const xMax = Math.max(1, ...points.map(([x]) => x));
  const yMax = Math.max(1e-9, Math.min(top, Math.max(...points.map(([, y]) => y))));
  const place = ([x, y]) => [
    LEFT + x / xMax * (WIDTH - LEFT - RIGHT),
    HEIGHT - BOTTOM - Math.min(1, y / yMax) * (HEIGHT - TOP - BOTTOM),
    y > yMax,
  ];
  const plot = makeSvg('svg', { class: 'plot', role: 'img', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-label': label },
    ...axes(xMax, yMax, format));
  lines.forEach(({ points: own }, i) => {
    const sorted = [...own].sort((a, b) => a[0] - b[0]).map(place);
    plot.append(makeSvg('polyline', { class: `line line-${i}`, points: sorted.map(([x, y]) => `${x},${y}`).join(' ') }),
      ...sorted.map(([cx, cy, isBeyond]) =>
        makeSvg('circle', { class: `${isBeyond ? 'beyond' : 'dot'} line-${i}`, cx, cy, r: isBeyond ? 4 : 2.5 })));
  });
  return plot;
}

function axes(xMax, yMax, format) {
  const [bottom, end] = [HEIGHT - BOTTOM, WIDTH - RIGHT];
  const text = (x, y, anchor, words) => makeSvg('text', { x, y, 'text-anchor': anchor }, words);
  return [
    makeSvg('path', { class: 'axis', d: `M${LEFT} ${TOP}V${bottom}H${end}` }),
    text(LEFT - 6, TOP + 8, 'end', format(yMax)),
    text(LEFT - 6, bottom, 'end', '0'),
    text(LEFT, bottom + 14, 'middle', '0'),
    text(end, bottom + 14, 'end', String(xMax)),
    text((LEFT + end) / 2, bottom + 26, 'middle', 'items held'),
  ];
}
