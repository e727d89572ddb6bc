// Reads server-sent events as strictly as the pickiest parser a client may have.

/** The events of a whole stream. Throws unless it is exactly `event: TYPE`, `data: JSON`, blank line, …, `[DONE]`. */
export function eventsOf(text) {
  const complaints = [];
  const blocks = text.split('\n\n');
  if (text.includes('\r')) complaints.push('a carriage return is in it');
  if (blocks.pop() !== '') complaints.push('it does not end in a blank line');
  if (blocks.pop() !== 'data: [DONE]') complaints.push('its last event is not [DONE]');
  const events = blocks.map((block) => {
    const match = /^event: ([^\n]+)\ndata: ([^\n]+)$/.exec(block);
    const event = match === null ? null : parsed(match[2]);
    if (event === null) complaints.push(`no event line and data line: ${block}`);
    else if (event.type !== match[1]) complaints.push(`an event named ${match[1]} has the type ${event.type}`);
    return event;
  });
  if (complaints.length > 0) throw new Error(`${complaints.join('\n')}\nin the stream\n${text}`);
  return events;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
