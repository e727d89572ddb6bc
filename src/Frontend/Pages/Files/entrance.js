// What both pages do before anything else: ask the server for its models, and the user for a key where it wants one.
import { byId } from './dom.js';
import { Refused, key, listModels } from './server.js';

/** Writes the page's status line. */
export const say = (text) => { byId('state').textContent = text; };

/** A handler of events; what fails is said in the status line. */
export const guard = (work) => (event) => {
  event?.preventDefault();
  return Promise.resolve().then(() => work(event)).catch((error) => say(error.message));
};

/** Enters, with the key that the tab holds or the user gives, then does `work` with the names of the models. */
export async function enter(work) {
  byId('key-form').onsubmit = guard(async () => {
    key.set(byId('key').value.trim());
    byId('key').value = '';
    await tryEnter(work);
  });
  byId('forget').onclick = guard(() => {
    key.set('');
    return tryEnter(work);
  });
  await guard(() => tryEnter(work))();
}

async function tryEnter(work) {
  let models;
  try {
    models = await listModels();
  } catch (error) {
    // An operator's key opens no models, and shapes of conversations all the same.
    if (!(error instanceof Refused) || ![401, 403].includes(error.status)) throw error;
    if (error.status === 401) return askForKey(error);
    models = [];
  }

  byId('forget').hidden = !key.get();
  byId('key-form').hidden = true;
  await work(models);
}

function askForKey(error) {
  byId('key-form').hidden = false;
  byId('key-error').textContent = key.get() ? error.message : '';
  say('The server wants an API key.');
  byId('key').focus();
}
