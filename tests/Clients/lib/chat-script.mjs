// Follows a `@@script` as the demo model does (src/Providers/Demo/Script.cs), but reads and answers chat messages.

const finishOf = { max_output_tokens: 'length', content_filter: 'content_filter' };

/**
 * What the model answers to a request:
 * `{reasoning, content, calls: [{name, arguments}], finish, failure, usage, delayMs, chunkMs}`.
 */
export function nextAnswer({ messages, tools = [], tool_choice: choice }) {
  const { steps, answered } = place(messages);
  const offered = choice === 'none' ? [] : tools.map((tool) => tool.function);
  if (steps === null) return { ...empty(), content: `${messages.length} messages held.` };
  if (answered >= steps.length) return { ...empty(), content: 'script finished' };
  return play(steps[answered], offered, empty());
}

const empty = () => ({ reasoning: '', content: '', calls: [], finish: 'stop', failure: null, usage: {},
  delayMs: 0, chunkMs: 0 });

/** The last script of the user's, and how many times the model answered behind it. */
function place(messages) {
  let steps = null;
  let answered = 0;
  messages.forEach((message, index) => {
    const begun = message.role === 'user' ? scriptOf(message) : null;
    if (begun !== null) {
      steps = begun;
      answered = 0;
    } else if (message.role === 'assistant' && messages[index - 1]?.role !== 'assistant') {
      answered += 1;
    }
  });
  return { steps, answered };
}

function scriptOf({ content }) {
  const texts = typeof content === 'string' ? [content] : content.map((part) => part.text ?? '');
  const line = texts.flatMap((text) => text.split(/[\r\n]/)).findLast((text) => text.trim().startsWith('@@script '));
  return line === undefined ? null : JSON.parse(line.trim().slice('@@script '.length));
}

function play(step, offered, answer) {
  answer.delayMs += step.delay_ms ?? 0;
  answer.chunkMs = step.chunk_ms ?? answer.chunkMs;
  answer.usage = { ...answer.usage, ...step.usage };
  if (step.say !== undefined) answer.content += step.say;
  else if (step.think !== undefined) think(step, offered, answer);
  else if (step.parallel !== undefined) step.parallel.forEach((one) => play(one, offered, answer));
  else if (step.fail !== undefined) answer.failure = { code: step.fail, afterEvents: step.after_events ?? 0 };
  else if (step.stop !== undefined) Object.assign(answer, { content: 'stopped early', finish: finishOf[step.stop] });
  else addCall(answer, callOf(step, offered));
  return answer;
}

function think(step, offered, answer) {
  answer.reasoning += step.think;
  play(step.then, offered, answer);
}

function addCall(answer, call) {
  if (call === undefined) {
    answer.content += 'ok';
    return;
  }
  answer.calls.push({ name: call.name, arguments: JSON.stringify(call.input) });
  answer.finish = 'tool_calls';
}

/** The call a step makes with what is offered; undefined if nothing fits. */
function callOf(step, offered) {
  if (offered.length === 0) return undefined;
  if (step.shell !== undefined) return shellCall(step.shell, offered);
  if (step.custom !== undefined) return { name: nameOf(step.custom, step, offered), input: { input: step.input } };
  return { name: nameOf(step.call, step, offered), input: step.args ?? {} };
}

const shells = [
  ['exec_command', (cmd) => ({ cmd })],
  ['shell_command', (command) => ({ command })],
  ['shell', (command) => ({ command: ['bash', '-lc', command] })],
  // Codex's newer models have one tool that runs JavaScript; as a function its text is the parameter `input`.
  ['exec', (cmd) => ({ input: `const r = await tools.exec_command(${JSON.stringify({ cmd })}); text(r);` })],
];

function shellCall(command, offered) {
  for (const [name, inputFor] of shells) {
    const found = find(name, offered);
    if (found !== undefined) return { name: found, input: inputFor(command) };
  }
  return undefined;
}

/** A tool's name as it is offered: in a namespace, `space__name`. */
function find(name, offered) {
  return offered.map((tool) => tool.name).find((one) => one === name || one.endsWith(`__${name}`));
}

function nameOf(name, { namespace }, offered) {
  const full = namespace === undefined ? name : `${namespace}__${name}`;
  return find(full, offered) ?? full;
}
