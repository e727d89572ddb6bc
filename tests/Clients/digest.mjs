// Evergrain's item digests, written from docs/digest.md alone and sharing no code with the server: a client can check
// what the server says, and the page is shown to suffice.
import { createHash } from 'node:crypto';

const DEPTH_MAX = 64;
const NULL = (value) => value === null;
const EMPTY = (value) => Array.isArray(value) && value.length === 0;
const AUTO = (value) => value === 'auto';

const ITEM_DEFAULTS = {
  message: { phase: [NULL] },
  function_call: { namespace: [NULL], caller: [NULL] },
  custom_tool_call: { namespace: [NULL], caller: [NULL] },
  function_call_output: { caller: [NULL] },
  custom_tool_call_output: { caller: [NULL] },
  reasoning: { content: [NULL, EMPTY], encrypted_content: [NULL] },
};

const PART_DEFAULTS = {
  output_text: { annotations: [EMPTY], logprobs: [NULL, EMPTY] },
  input_text: { prompt_cache_breakpoint: [NULL] },
  input_image: {
    detail: [NULL, AUTO], file_id: [NULL], image_url: [NULL], prompt_cache_breakpoint: [NULL],
  },
  input_file: {
    detail: [AUTO], file_data: [NULL], file_id: [NULL], file_url: [NULL], filename: [NULL],
    prompt_cache_breakpoint: [NULL],
  },
};

const PARTS_OF = { message: 'content', function_call_output: 'output', custom_tool_call_output: 'output' };
const STRING_PART_OF = {
  assistant: 'output_text', user: 'input_text', system: 'input_text', developer: 'input_text',
};

/** An item that has no canonical form; `param` is the path of a repeated member. */
export class RefusedItem extends Error {
  constructor(message, param = null) {
    super(message);
    this.param = param;
  }
}

/** A number as it was spelled, so that a long one loses nothing. */
class Spelled {
  constructor(text) {
    this.text = text;
  }
}

/** Reads JSON text: objects become Maps, numbers Spelled. JSON.parse would hide repeated names and long numbers. */
class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  read() {
    const value = this.value([], 1);
    this.space();
    if (this.at < this.text.length) this.fail();
    return value;
  }

  fail() {
    throw new RefusedItem(`not JSON at character ${this.at}`);
  }

  space() {
    while (this.at < this.text.length && ' \t\n\r'.includes(this.text[this.at])) this.at++;
  }

  skip(token) {
    this.space();
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  need(token) {
    if (!this.skip(token)) this.fail();
  }

  value(path, depth) {
    this.space();
    const first = this.text[this.at];
    if ((first === '{' || first === '[') && depth > DEPTH_MAX) throw new RefusedItem('nested too deep');
    if (first === '{') return this.object(path, depth);
    if (first === '[') return this.array(path, depth);
    if (first === '"') return this.string();
    for (const [word, value] of [['true', true], ['false', false], ['null', null]]) {
      if (this.skip(word)) return value;
    }
    return this.number();
  }

  object(path, depth) {
    const members = new Map();
    this.need('{');
    if (this.skip('}')) return members;
    do {
      this.space();
      const name = this.string();
      const here = [...path, path.length ? `.${name}` : name];
      if (members.has(name)) throw new RefusedItem(`${here.join('')} is repeated`, here.join(''));
      this.need(':');
      members.set(name, this.value(here, depth + 1));
    } while (this.skip(','));
    this.need('}');
    return members;
  }

  array(path, depth) {
    const elements = [];
    this.need('[');
    if (this.skip(']')) return elements;
    do {
      elements.push(this.value([...path, `[${elements.length}]`], depth + 1));
    } while (this.skip(','));
    this.need(']');
    return elements;
  }

  number() {
    const pattern = /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (!match) this.fail();
    this.at += match[0].length;
    return new Spelled(match[0]);
  }

  string() {
    const letters = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', '/': '/' };
    const pattern = /"([^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*)"/y;
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (!match) this.fail();
    this.at += match[0].length;
    return match[1].replace(/\\(?:u(....)|(.))/g, (_, hex, letter) =>
      hex ? String.fromCharCode(parseInt(hex, 16)) : letters[letter]);
  }
}

function writeString(value) {
  const letters = { '"': '\\"', '\\': '\\\\', '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r' };
  let text = '"';
  for (const character of value) { // by code point: a pair is one character, an unpaired surrogate is itself
    const point = character.codePointAt(0);
    if (letters[character]) text += letters[character];
    else if (point < 0x20 || (point >= 0xd800 && point <= 0xdfff)) text += `\\u${point.toString(16).padStart(4, '0')}`;
    else text += character;
  }
  return `${text}"`;
}

function writeNumber(text) {
  const [, whole, fraction = '', exponent = '0'] = /^-?([0-9]+)(?:\.([0-9]+))?(?:[eE](.+))?$/.exec(text);
  const all = whole + fraction;
  const first = all.search(/[1-9]/);
  if (first < 0) return '0';
  const digits = all.slice(first).replace(/0+$/, '');
  const power = whole.length - 1 - first + Number(exponent); // the number is d.ddd times ten to this power
  const inside = power >= -300 && (power < 300 || (power === 300 && digits === '1'));
  return digits.length > 15 || !inside ? text : String(Number(text));
}

function write(value) {
  if (value instanceof Spelled) return writeNumber(value.text);
  if (value instanceof Map) {
    const names = [...value.keys()].sort(); // sort() compares UTF-16 code units
    return `{${names.map((name) => `${writeString(name)}:${write(value.get(name))}`).join(',')}}`;
  }
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  return typeof value === 'string' ? writeString(value) : String(value);
}

function leaveOut(object, defaults) {
  const type = object.get('type');
  const row = typeof type === 'string' && Object.hasOwn(defaults, type) ? defaults[type] : {};
  for (const [name, tests] of Object.entries(row)) {
    if (object.has(name) && tests.some((test) => test(object.get(name)))) object.delete(name);
  }
}

/** The canonical JSON of an item, as a string, without the version byte. */
export function canonical(itemText) {
  const item = new Reader(itemText).read();
  if (!(item instanceof Map)) throw new RefusedItem('an item is an object');
  if (!item.has('type') && typeof item.get('role') === 'string') item.set('type', 'message');
  item.delete('id');
  item.delete('status');
  const type = item.get('type');
  const role = item.get('role');
  const content = item.get('content');
  if (type === 'message' && typeof content === 'string' && Object.hasOwn(STRING_PART_OF, role)) {
    item.set('content', [new Map([['type', STRING_PART_OF[role]], ['text', content]])]);
  }
  leaveOut(item, ITEM_DEFAULTS);
  const parts = typeof type === 'string' && Object.hasOwn(PARTS_OF, type) ? item.get(PARTS_OF[type]) : null;
  for (const part of Array.isArray(parts) ? parts : []) {
    if (part instanceof Map) leaveOut(part, PART_DEFAULTS);
  }
  return write(item);
}

/** The digest of an empty context, as 64 hexadecimal digits. */
export const root = createHash('sha256').update('evergrain:digest:1', 'ascii').digest('hex');

/** The digest after one more item, as 64 hexadecimal digits. */
export function chain(previous, itemText) {
  return createHash('sha256')
    .update(Buffer.from(previous, 'hex'))
    .update(Buffer.of(1))
    .update(canonical(itemText), 'utf8')
    .digest('hex');
}
