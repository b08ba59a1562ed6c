// @ts-check
// Nothing is changed without a question before it and a way back after it: one dialog that asks, and short notes that undo.
import { byId, el, setText } from './dom.js';

/** A note with a way back stays this long; the pointer or the focus on it holds it, ms. */
const NOTE_MS = 60_000;
/** Notes that are kept at one time. */
const NOTES_MAX = 4;

const dialog = /** @type {HTMLDialogElement} */ (byId('ask'));
const form = /** @type {HTMLFormElement} */ (byId('ask-form'));
const doIt = /** @type {HTMLButtonElement} */ (byId('ask-do'));
const fault = byId('ask-fault');

/** @type {((form: FormData) => Promise<unknown>) | null} */
let act = null;
/** @type {Element | null} */
let opener = null;

/**
 * Asks, and does it where the answer is yes. What `run` rejects with is told in the dialog, which stays.
 * @param {{ title: string, text: string, label: string, danger?: boolean, fields?: readonly HTMLElement[],
 *   run: (form: FormData) => Promise<unknown> }} question
 */
export function askFirst({ title, text, label, danger = false, fields = [], run }) {
  opener = document.activeElement;
  setText(byId('ask-title'), title);
  setText(byId('ask-text'), text);
  setText(doIt, label);
  setText(fault, '');
  doIt.className = danger ? 'danger main' : 'main';
  doIt.disabled = false;
  byId('ask-fields').replaceChildren(...fields);
  act = run;
  dialog.showModal();
  // What must be written comes first; where nothing must, Enter does it.
  const first = byId('ask-fields').querySelector('input:required') ?? doIt;
  if (first instanceof HTMLElement) first.focus();
}

/**
 * Puts the focus on it, or where it is not there any more, on what its row offers in its place.
 * @param {HTMLElement} button
 */
export function focusNear(button) {
  const row = button.closest('tr');
  const shown = button.isConnected && !button.hidden;
  const near = shown ? button : row?.querySelector('.acts button:not([hidden])');
  if (near instanceof HTMLElement) near.focus();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (act === null || doIt.disabled) return;
  doIt.disabled = true;
  setText(fault, '');
  act(new FormData(form)).then(
    () => dialog.close(),
    (error) => {
      doIt.disabled = false;
      setText(fault, error.message);
    },
  );
});
byId('ask-cancel').addEventListener('click', () => dialog.close());
dialog.addEventListener('click', (event) => {
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener('close', () => {
  // The event comes a moment after the end: by then somebody may have asked the next question.
  if (dialog.open) return;
  act = null;
  // Whoever was quicker than this event is left where he has gone to.
  const { activeElement } = document;
  const stayed = activeElement === null || activeElement === document.body || activeElement === opener;
  if (opener instanceof HTMLElement && stayed) focusNear(opener);
});

/**
 * Says what was done. `undo`: takes it back; what it resolves to is said in its place.
 * @param {string} text
 * @param {(() => Promise<string>) | null} undo
 */
export function note(text, undo) {
  const said = el('p', { role: 'status' });
  const close = el('button', { type: 'button', class: 'quiet', 'aria-label': 'Close this note' }, '✕');
  const node = el('div', { class: 'toast' }, said);
  if (undo !== null) {
    const button = el('button', { type: 'button', class: 'main' }, 'Undo');
    button.addEventListener('click', () => {
      button.disabled = true;
      undo().then(
        (now) => {
          setText(said, now);
          button.remove();
          close.focus();
        },
        (error) => {
          button.disabled = false;
          setText(said, `It could not be undone: ${error.message}`);
        },
      );
    });
    node.append(button);
  }
  node.append(close);
  const notes = byId('toasts');
  notes.append(node);
  while (notes.childElementCount > NOTES_MAX) notes.firstElementChild?.remove();
  // Said once the region is there, so that it is read out.
  setTimeout(() => setText(said, text), 50);
  close.addEventListener('click', () => node.remove());
  const leave = () => {
    if (node.matches(':hover') || node.contains(document.activeElement)) setTimeout(leave, 5000);
    else node.remove();
  };
  setTimeout(leave, NOTE_MS);
}

/**
 * A field with its label, and what it means.
 * @param {string} label
 * @param {HTMLElement} input with an id
 * @param {string} [hint]
 */
export function labelled(label, input, hint = '') {
  const row = el('div', { class: 'field' }, el('label', { for: input.id }, label), input);
  if (hint !== '') {
    const told = el('small', { id: `${input.id}-hint` }, hint);
    input.setAttribute('aria-describedby', told.id);
    row.append(told);
  }
  return row;
}
