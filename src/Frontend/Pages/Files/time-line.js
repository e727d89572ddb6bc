// Places the turns of a conversation: on which branch, and when. Draws them on one line of time.
import { counted, inMs, inWholeMs, make, makeSvg } from './dom.js';
import { totalOf } from './phases.js';

const LANE = 14;
const LEFT = 6;
const LANES_MAX = 40;

/** Adds to each turn when it ran, what it continues, its lane, and how long after its parent it began. */
export function place(turns) {
  const byId = new Map(turns.map((turn) => [turn.id, turn]));
  const continued = new Set();
  let lanes = 0;
  for (const turn of turns) {
    const parent = byId.get(turn.previous_response_id);
    turn.parent = parent ?? null;
    turn.from = turn.created_at_ms;
    turn.took = turn.timing ? totalOf(turn.timing) : (turn.ended_at_ms ?? Date.now()) - turn.from;
    turn.to = turn.from + turn.took;
    turn.gap = parent ? Math.max(0, turn.from - parent.to) : null;
    turn.isFork = continued.has(turn.previous_response_id) && turn.previous_response_id !== null;
    turn.lane = parent && !turn.isFork ? parent.lane : lanes++;
    continued.add(turn.previous_response_id);
  }

  return turns;
}

/** How a turn came, in words; empty: the server does not know. */
export function describeConnection({ connection, parent }) {
  const way = { http: 'HTTP', websocket: 'a WebSocket' }[connection?.kind];
  if (!way) return '';
  if (connection.is_other) return `over another connection: ${way}`;
  return parent && connection.kind === 'websocket' ? 'over the same WebSocket' : `over ${way}`;
}

/**
 * One line of time for the turns, so many pixels wide: a lane for each branch, a mark for each turn, a thread to what it
 * continues. A bar before a mark is another connection, and a ring behind it is a reader that went on.
 */
export function drawLine(turns, wide) {
  const start = turns[0].from;
  const span = Math.max(1, Math.max(...turns.map(({ to }) => to)) - start);
  const lanes = Math.min(LANES_MAX, Math.max(...turns.map(({ lane }) => lane)) + 1);
  const [width, height] = [wide - 2 * LEFT, lanes * LANE];
  const x = (time) => LEFT + (time - start) / span * width;
  const y = ({ lane }) => Math.min(lane, LANES_MAX - 1) * LANE;
  const line = makeSvg('svg', {
    class: 'time-line', role: 'img', viewBox: `0 0 ${wide} ${height}`,
    'aria-label': `${counted(turns.length, 'turn')} on ${counted(lanes, 'branch', 'branches')} within ` +
      `${inWholeMs(span)}; the list below has each of them`,
  });
  const signs = [];
  for (const turn of turns) {
    if (turn.parent) {
      const [from, middle] = [x(turn.parent.to), y(turn) + LANE / 2];
      line.append(makeSvg('path', {
        class: 'thread', d: `M${from} ${y(turn.parent) + LANE / 2}L${from} ${middle}L${x(turn.from)} ${middle}`,
      }));
    }

    line.append(makeSvg('rect', {
      class: `mark ${turn.status}`, x: x(turn.from), y: y(turn) + 2, height: LANE - 4, rx: 1.5,
      width: Math.max(2, x(turn.to) - x(turn.from)),
    }, makeSvg('title', {}, `turn ${turn.number || turn.id}: ${turn.status}, ${inMs(turn.took)}`)));
    if (turn.connection?.is_other) {
      signs.push(makeSvg('rect', { class: 'other', x: x(turn.from) - 4, y: y(turn), width: 4, height: LANE },
        makeSvg('title', {}, describeConnection(turn))));
    }

    if (isReadOn(turn)) {
      signs.push(makeSvg('circle', { class: 'read-on', cx: x(turn.to), cy: y(turn) + LANE / 2, r: 4 },
        makeSvg('title', {}, `read on from event ${turn.connection.read_on_from}`)));
    }
  }

  line.append(...signs);

  // Text of the drawing would shrink with it on a phone.
  return make('div', {}, line, make('p', { class: 'ends' },
    make('small', {}, new Date(start).toLocaleString()), make('small', {}, `+ ${inWholeMs(span)}`)), keyOf(turns));
}

/** Whether a reader went on with the events of a turn over a connection of its own. */
export const isReadOn = ({ connection }) => connection?.read_on_from != null;

// What the signs mean, where there are some.
function keyOf(turns) {
  const sign = (shape, words) => make('li', {},
    makeSvg('svg', { viewBox: '0 0 10 10', 'aria-hidden': 'true' }, shape), make('span', {}, words));
  const signs = [];
  if (turns.some(({ connection }) => connection?.is_other)) {
    signs.push(sign(makeSvg('rect', { class: 'other', x: 3, width: 4, height: 10 }), 'came over another connection'));
  }

  if (turns.some(isReadOn)) {
    signs.push(sign(makeSvg('circle', { class: 'read-on', cx: 5, cy: 5, r: 4 }), 'was read on after a cut'));
  }

  return make('ul', { class: 'legend row' }, ...signs);
}
