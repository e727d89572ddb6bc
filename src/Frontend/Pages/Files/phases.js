// Shows where the time of a turn went, from the event `evergrain:turn`.
import { inMs, make, makeSvg, makeTable } from './dom.js';

const WIDTH = 600;
const HEIGHT = 18;

/** The phases of a turn, in the order in which they begin, and what the turn waits for in each. */
export const phases = [
  ['queue', 'queue', 'room, the turn before it, a place to run'],
  ['check', 'check', 'the check on new input'],
  ['context', 'context', 'its conversation'],
  ['model_wait', 'model wait', 'the first event of the model'],
  ['model_stream', 'model stream', 'the next events of the model'],
  ['persist', 'persist', 'the journal'],
  ['deliver', 'deliver', 'its client to take events'],
  ['transport', 'transport', 'everything else'],
];

/** The time of a turn: its phases add up to it. */
export const totalOf = ({ phases_ms: ms }) => phases.reduce((sum, [phase]) => sum + ms[phase], 0);

/** The time that a turn takes beside the model and the tools. */
export const serverTime = (timing) => timing.responses_duration_excl_engine_and_client_tool_time_ms;

/** One stacked bar, as wide as its place. Its label says the same in words. */
export function phaseBar(timing, name) {
  const total = Math.max(timing.total_ms, 0.001);
  const bar = makeSvg('svg', {
    class: 'bar', role: 'img', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none',
    'aria-label': describe(timing, name),
  });
  let x = 0;
  for (const [phase, label] of phases) {
    const width = timing.phases_ms[phase] / total * WIDTH;
    if (width <= 0) continue;
    bar.append(makeSvg('rect', { class: `p-${phase}`, x, y: 0, width, height: HEIGHT },
      makeSvg('title', {}, `${label}: ${inMs(timing.phases_ms[phase])}`)));
    x += width;
  }

  return bar;
}

/** The bar in words. */
export function describe(timing, name) {
  const parts = phases.filter(([phase]) => timing.phases_ms[phase] >= 0.005)
    .map(([phase, label]) => `${label} ${inMs(timing.phases_ms[phase])}`);
  return `${name} took ${inMs(timing.total_ms)}: ${parts.join(', ')}`;
}

/** All figures of a turn, folded. */
export function phaseDetails(timing) {
  const share = (ms) => `${(ms / Math.max(timing.total_ms, 0.001) * 100).toFixed(1)} %`;
  const rows = phases.map(([phase, label]) => [
    label, inMs(timing.phases_ms[phase]), share(timing.phases_ms[phase]),
    phase in timing.hidden_ms ? inMs(timing.hidden_ms[phase]) : '',
  ]);
  const { held, new: fresh, rendered } = timing.items;
  return make('details', {}, make('summary', {}, 'Phases'),
    makeTable('Where the time went', ['phase', 'time', 'share', 'hidden'], rows),
    make('p', {}, `Items: ${held} held, ${fresh} new, ${rendered} rendered. ` +
      `Context: ${timing.context_source}. Bytes: ${timing.bytes.in} in, ${timing.bytes.out} out.`));
}

/** What each colour of a bar stands for. */
export const legend = () => make('ul', { class: 'legend' }, ...phases.map(([phase, label, wait]) => make('li', {},
  makeSvg('svg', { viewBox: '0 0 10 10', 'aria-hidden': 'true' },
    makeSvg('rect', { class: `p-${phase}`, width: 10, height: 10 })),
  make('span', {}, make('b', {}, label), ` ${wait}`))));
