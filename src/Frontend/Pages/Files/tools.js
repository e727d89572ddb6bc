// The tools that the playground offers. They run in the page and touch nothing outside it.

const FILE_BYTES = 2000;

const object = (properties) => ({
  type: 'object', properties, required: Object.keys(properties), additionalProperties: false,
});

const offer = {
  add: {
    description: 'Adds two numbers.',
    parameters: object({ a: { type: 'number' }, b: { type: 'number' } }),
    run: ({ a, b }) => String(a + b),
  },
  clock: {
    description: 'Tells the date and time.',
    parameters: object({}),
    run: () => new Date().toISOString(),
  },
  read_file: {
    description: 'Reads a file of 2 KB. The files are made up.',
    parameters: object({ name: { type: 'string' } }),
    run: ({ name }) => `${name}\n`.repeat(FILE_BYTES).slice(0, FILE_BYTES),
  },
};

/** The tools, as a create offers them. */
export const tools = Object.entries(offer).map(([name, { description, parameters }]) =>
  ({ type: 'function', name, description, parameters, strict: true }));

/** Runs a call and gives the item that answers it. */
export function answer(call) {
  let output;
  try {
    output = offer[call.name].run(JSON.parse(call.arguments));
  } catch (error) {
    output = `The tool failed: ${error.message}`;
  }

  return { type: 'function_call_output', call_id: call.call_id, output };
}

const script = (steps) => `\n@@script ${JSON.stringify(steps)}`;
const file = (i) => `part-${i}.txt`;
const sentence = 'An answer that takes its time leaves room to cut the connection in the middle of it. ';

/** Messages to try. The demo model plays the script in them; another model sees the words and may follow them. */
export const examples = {
  hello: 'Hello',
  slow: `Write a long answer.${script([{ say: sentence.repeat(8), chunk_ms: 120 }])}`,
  tool: `Add 20 and 22 with the tool.${script([{ call: 'add', args: { a: 20, b: 22 } }, { say: 'It is 42.' }])}`,
  loop: 'Read part-1.txt to part-20.txt with the tool, one after another.' + script([
    ...Array.from({ length: 20 }, (_, i) => ({ call: 'read_file', args: { name: file(i + 1) } })),
    { say: 'I have read all 20 files.' },
  ]),
};
