// Shows what the context of a turn is made of. It is asked for when it is looked at, and not before.
import { counted, inBytes, make, makeTable } from './dom.js';
import { Refused } from './server.js';

const RENDERED = 20;

/** The folded context of a turn. `ask` gets it, with so many of its last items as a model server gets them. */
export function contextDetails(ask) {
  const details = make('details', {}, make('summary', {}, 'Context and segments'));
  details.ontoggle = async () => {
    details.ontoggle = null;
    const place = make('div', {}, 'Loading…');
    details.append(place);
    try {
      place.replaceChildren(...show(await read(ask)));
    } catch (error) {
      place.replaceChildren(make('p', { class: 'error' }, error.message));
    }
  };
  return details;
}

// An operator reads shapes alone.
async function read(ask) {
  try {
    return await ask(RENDERED);
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 403) throw error;
    return ask(0);
  }
}

function show({ items, digest, segments, rendered }) {
  const rows = segments.map(({ first, items: count, bytes, is_stored: isStored, digest: end, renderings }) => [
    `${first} to ${first + count - 1}`, inBytes(bytes), isStored ? 'stored' : 'unstored',
    renderings.map(({ name, items: made, bytes: made_bytes }) => `${name}: ${counted(made, 'item')}, ${inBytes(made_bytes)}`)
      .join('; ') || 'none now',
    `${end.slice(0, 8)}…`,
  ]);
  return [
    make('p', {}, `${counted(items, 'item')} in ${counted(segments.length, 'segment')}. Digest: `,
      make('code', { class: 'id' }, digest)),
    make('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Segments of the context' },
      makeTable('Segments', ['items', 'size', 'kept', 'rendered', 'digest at its end'], rows)),
    rendered === null
      ? make('p', {}, 'What a model server gets is not shown: nothing is rendered now, the turn is not stored, or ' +
        'the key is an operator\'s.')
      : make('details', { class: 'call' },
        make('summary', {}, `The last ${counted(rendered.items.length, 'item')} as rendered for ${rendered.rendering}`),
        make('pre', { tabIndex: 0 }, rendered.items.join('\n'))),
  ];
}
