// Places the turns of a conversation: on which branch, and when. Draws them on one line of time.
import { inMs, inWholeMs, make, makeSvg } from './dom.js';
import { totalOf } from './phases.js';

const WIDTH = 1000;
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

/** One line of time for the turns: a lane for each branch, a mark for each turn, a thread to what it continues. */
export function drawLine(turns) {
  const start = turns[0].from;
  const span = Math.max(1, Math.max(...turns.map(({ to }) => to)) - start);
  const lanes = Math.min(LANES_MAX, Math.max(...turns.map(({ lane }) => lane)) + 1);
  const [width, height] = [WIDTH - 2 * LEFT, lanes * LANE];
  const x = (time) => LEFT + (time - start) / span * width;
  const y = ({ lane }) => Math.min(lane, LANES_MAX - 1) * LANE;
  const line = makeSvg('svg', {
    class: 'time-line', role: 'img', viewBox: `0 0 ${WIDTH} ${height}`,
    'aria-label': `${turns.length} turns on ${lanes} branches within ${inWholeMs(span)}; the list below has each of them`,
  });
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
  }

  // Text of the drawing would shrink with it on a phone.
  return make('div', {}, line, make('p', { class: 'ends' },
    make('small', {}, new Date(start).toLocaleString()), make('small', {}, `+ ${inWholeMs(span)}`)));
}
