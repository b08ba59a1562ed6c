// @ts-check
// Elements made and kept: what has not changed is not touched, so that focus, selection and scroll stay where they are.

/** @typedef {string | Node | null} Child */

/**
 * Makes an element. A property that begins with `on` is a listener, `true` an empty attribute, `false` and `null` none.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean | null | ((event: Event) => void)>} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) node.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) if (child !== null) node.append(child);
  return node;
}

/**
 * The element of the page with this id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const node = document.getElementById(id);
  if (node === null) throw new Error(`the page has no #${id}`);
  return node;
}

/**
 * The field of the page with this id.
 * @param {string} id
 * @returns {HTMLInputElement}
 */
export function field(id) {
  return /** @type {HTMLInputElement} */ (byId(id));
}

/**
 * The part of `root` that a selector names.
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function part(root, selector) {
  const node = root.querySelector(selector);
  if (!(node instanceof HTMLElement)) throw new Error(`nothing here is ${selector}`);
  return node;
}

/**
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {Element} node
 * @param {string} name
 * @param {string | null} value null: without it
 */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) === value) return;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

/**
 * Children of `parent` by key: made when they come, kept while they stay, moved only where the order changed.
 * @template T
 */
export class KeyedList {
  /** @type {Map<string, { node: Element, update: (item: T) => void, remove?: () => void }>} */
  #kept = new Map();
  #parent;
  #make;

  /**
   * @param {Element} parent
   * @param {(item: T) => { node: Element, update: (item: T) => void, remove?: () => void }} make `remove`: it is gone for good
   */
  constructor(parent, make) {
    this.#parent = parent;
    this.#make = make;
  }

  /**
   * @param {readonly T[]} items
   * @param {(item: T) => string} keyOf
   */
  update(items, keyOf) {
    const left = new Set(this.#kept.keys());
    /** @type {Element | null} */
    let before = null;
    for (const item of items) {
      const key = keyOf(item);
      left.delete(key);
      let entry = this.#kept.get(key);
      if (entry === undefined) {
        entry = this.#make(item);
        this.#kept.set(key, entry);
      }
      entry.update(item);
      /** @type {Element | null} */
      const place = before === null ? this.#parent.firstElementChild : before.nextElementSibling;
      if (place !== entry.node) this.#parent.insertBefore(entry.node, place);
      before = entry.node;
    }
    for (const key of left) {
      const entry = this.#kept.get(key);
      entry?.node.remove();
      entry?.remove?.();
      this.#kept.delete(key);
    }
  }
}
