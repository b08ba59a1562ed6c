// @ts-check
// Signs of states: each has a shape of its own, so that nobody needs to see its colour.

/** Paths on a field of 16 × 16, drawn as lines. */
const PATHS = {
  good: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 1 0 0-13M5 8.2l2.1 2.1L11 6',
  warn: 'M8 1.8 15 14H1zM8 6.2v3.6M8 11.8v.2',
  bad: 'M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2zM5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6',
  drain: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 1 0 0-13M6.3 5.5v5M9.7 5.5v5',
  off: 'M2 2h12v12H2zM5 8h6',
  idle: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 1 0 0-13M8 4.5V8l2.4 1.6',
  info: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 1 0 0-13M8 7.3v4M8 4.8V5',
};

/** @typedef {keyof typeof PATHS} Tone */

/**
 * @param {Tone} tone
 * @returns {SVGSVGElement}
 */
export function icon(tone) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', PATHS[tone]);
  svg.append(path);
  return svg;
}

/**
 * Puts the sign of `tone` into `holder`, once.
 * @param {HTMLElement} holder
 * @param {Tone} tone
 */
export function setIcon(holder, tone) {
  if (holder.dataset.icon === tone) return;
  holder.dataset.icon = tone;
  holder.replaceChildren(icon(tone));
}
