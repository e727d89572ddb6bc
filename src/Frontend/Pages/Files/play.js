// The playground: talks to a model over the WebSocket, and shows what each turn costs.
import { byId, counted, inBytes, inMs } from './dom.js';
import { enter, guard, say } from './entrance.js';
import { legend, serverTime } from './phases.js';
import { drawPlot } from './plot.js';
import { Talk } from './talk.js';
import { examples } from './tools.js';
import { TurnView } from './turn-view.js';

// So many times the middle: what is slower does not flatten the rest of its plot. The first turn of a server is.
const OUTLIER = 5;

const wide = matchMedia('(min-width: 60rem)');
const views = new Map();

const talk = new Talk({
  begin(turn) {
    const view = new TurnView(turn);
    views.set(turn, view);
    byId('welcome').hidden = true;
    byId('turns').prepend(view.element);
    say(`Turn ${turn.number} runs.`);
  },
  event(turn, event) {
    views.get(turn).event(event);
  },
  cut(turn) {
    views.get(turn).cut();
    say(`Turn ${turn.number} is read on over HTTP.`);
  },
  end(turn) {
    views.get(turn).end(() => continueFrom(turn));
    say(`Turn ${turn.number}: ${turn.status}${turn.timing ? ` in ${inMs(turn.timing.total_ms)}` : ''}.`);
    continueFrom(turn.id ? turn : talk.parent);
    drawFigures();
  },
});

/** Says which turn the next message continues. */
function continueFrom(turn) {
  talk.parent = turn;
  byId('parent').textContent = turn ? `It continues turn ${turn.number}.` : 'It begins a conversation.';
}

function drawFigures() {
  const turns = talk.turns.filter(({ timing }) => timing);
  if (turns.length === 0) {
    for (const part of ['time', 'bytes']) {
      byId(`${part}-plot`).replaceChildren();
      byId(`${part}-text`).textContent = 'No turn has ended yet.';
    }

    byId('cost').textContent = '';
    return;
  }

  const points = (y) => turns.map((turn) => [turn.timing.items.held, y(turn)]);
  const times = turns.map(({ timing }) => serverTime(timing)).sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)];
  const last = turns.at(-1);
  const timesText = `${counted(turns.length, 'turn')}. The server’s own time: median ${inMs(median)}, ` +
    `${inMs(times.at(-1))} at most${times.at(-1) > median * OUTLIER ? '; hollow points lie beyond the plot' : ''}. ` +
    `The last turn held ${counted(last.timing.items.held, 'item')}.`;
  const bytesText = `The last turn sent ${inBytes(last.timing.bytes.in)}. A server without conversations would have ` +
    `read ${inBytes(last.bytesStateless)}.`;
  byId('time-plot').replaceChildren(drawPlot({
    label: timesText, format: inMs, top: Math.min(times.at(-1), median * OUTLIER),
    lines: [{ points: points(({ timing }) => serverTime(timing)) }],
  }));
  byId('bytes-plot').replaceChildren(drawPlot({
    label: bytesText, format: inBytes,
    lines: [{ points: points(({ timing }) => timing.bytes.in) }, { points: points((turn) => turn.bytesStateless) }],
  }));
  byId('cost').textContent = `median ${inMs(median)} a turn`;
  byId('time-text').textContent = timesText;
  byId('bytes-text').textContent = bytesText;
}

async function run(text) {
  talk.model = byId('model').value.trim();
  setBusy(true);
  try {
    await talk.send(text);
  } finally {
    setBusy(false);
  }
}

function setBusy(isBusy) {
  document.body.classList.toggle('busy', isBusy);
  for (const button of document.querySelectorAll('.idle, .fork-button')) button.disabled = isBusy;
  for (const button of document.querySelectorAll('.running')) button.disabled = !isBusy;

  // A button that is disabled loses the focus.
  if (!isBusy && document.activeElement === document.body) byId('message').focus({ preventScroll: true });
}

byId('composer').onsubmit = guard(async () => {
  const text = byId('message').value.trim();
  if (!text || document.body.classList.contains('busy')) return;
  byId('message').value = '';
  await run(text);
});
byId('message').onkeydown = (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) byId('composer').requestSubmit();
};
for (const button of document.querySelectorAll('[data-example]')) {
  button.onclick = guard(() => run(examples[button.dataset.example]));
}
byId('cut').onclick = guard(() => talk.cut());
byId('stop').onclick = guard(() => talk.stop());
byId('new').onclick = guard(() => {
  talk.reset();
  views.clear();
  byId('welcome').hidden = false;
  byId('turns').replaceChildren();
  continueFrom(null);
  drawFigures();
});
byId('legend').append(legend());

// Beside the turns there is room for the figures. Above them they would hide the newest turn.
wide.onchange = () => { byId('figures').open = wide.matches; };
wide.onchange();
setBusy(false);
await enter((models) => {
  byId('models').replaceChildren(...models.map((name) => new Option(name, name)));
  byId('model').value ||= models[0] ?? '';
  say('Ready.');
});
