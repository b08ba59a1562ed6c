// @ts-check
// Lines over the last ten minutes, drawn by uPlot: two large charts, and a small one for every upstream.
import { el, setAttribute, setText } from './dom.js';
import { clock, nowMs } from './format.js';

/** @typedef {import('../live-view.ts').LiveLine} LiveLine */
/** @typedef {import('../live-view.ts').LiveFigures} LiveFigures */
/** @typedef {'requestsPerS' | 'errorsPerS' | 'p50Ms' | 'p99Ms' | 'inFlight'} Column */
/** @typedef {{ column: Column, name: string, tone: string, fill?: boolean, dash?: boolean, quiet?: boolean }} Stroke
 *   `quiet`: not drawn where it is nothing, so that a line at nothing does not look like an alarm */

// uPlot's own build for pages is a script that leaves one name behind, and is a third of its module's size.
const UPlot = /** @type {{ uPlot: typeof import('uplot') }} */ (/** @type {unknown} */ (globalThis)).uPlot;

/** What the charts show, s. */
const SPAN_S = 600;
const SPAN_S_LEAST = 60;
/** A line is told anew to who listens to the page so often, ms. */
const SAY_EVERY_MS = 10_000;

/** @type {readonly Column[]} */
const COLUMNS = ['requestsPerS', 'errorsPerS', 'p50Ms', 'p99Ms', 'inFlight'];

/** Ten minutes of one upstream, pool or the whole. */
export class Series {
  /** @type {number[]} unix seconds */
  times = [];
  /** @type {Record<Column, (number | null)[]>} */
  values = { requestsPerS: [], errorsPerS: [], p50Ms: [], p99Ms: [], inFlight: [] };

  /**
   * Takes what Limpet has kept, in place of what there is.
   * @param {readonly number[]} times
   * @param {LiveLine} line
   */
  load(times, line) {
    this.times = [...times];
    for (const column of COLUMNS) this.values[column] = [...line[column]];
  }

  /**
   * @param {number} time unix seconds
   * @param {LiveFigures} figures
   */
  add(time, figures) {
    if (time <= (this.times.at(-1) ?? 0)) return;
    this.times.push(time);
    for (const column of COLUMNS) this.values[column].push(figures[column]);
    while ((this.times[0] ?? time) < time - SPAN_S) {
      this.times.shift();
      for (const column of COLUMNS) this.values[column].shift();
    }
  }

  /**
   * The largest value, or null.
   * @param {Column} column
   */
  most(column) {
    const known = this.values[column].filter((value) => value !== null);
    return known.length === 0 ? null : Math.max(...known);
  }
}

/**
 * The colour that a name of the style sheet stands for now: canvases know no names.
 * @param {string} tone
 */
function colour(tone) {
  const probe = el('span', { class: `probe tone-${tone}` });
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** @type {Map<string, string>} */
let colours = new Map();

/** @param {string} tone */
function colourOf(tone) {
  let known = colours.get(tone);
  if (known === undefined) {
    known = colour(tone);
    colours.set(tone, known);
  }
  return known;
}

/** @type {Set<Chart>} */
const drawn = new Set();
const redraw = () => {
  colours = new Map();
  for (const chart of drawn) chart.renew();
};
document.addEventListener('limpet-theme', redraw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);

/** Sizes follow the page; charts that cannot be seen are not drawn. */
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) chartOf.get(target)?.fit();
});
const sights = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) chartOf.get(target)?.see(isIntersecting);
});
/** @type {WeakMap<Element, Chart>} */
const chartOf = new WeakMap();

/** A canvas with lines. */
class Chart {
  /** @type {import('uplot') | null} */
  #plot = null;
  #seen = false;
  #dirty = false;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  /**
   * @param {HTMLElement} holder
   * @param {readonly Stroke[]} strokes
   * @param {(width: number, height: number) => Partial<import('uplot').Options>} options
   * @param {(series: Series) => string} say what the chart shows, in words
   */
  constructor(holder, strokes, options, say) {
    this.holder = holder;
    this.strokes = strokes;
    this.options = options;
    this.say = say;
    this.series = new Series();
    holder.setAttribute('role', 'img');
    chartOf.set(holder, this);
    drawn.add(this);
    sizes.observe(holder);
    sights.observe(holder);
  }

  /** @param {Series} series */
  show(series) {
    this.series = series;
    this.#dirty = true;
    const at = performance.now();
    if (at - this.#saidAtMs >= SAY_EVERY_MS) {
      this.#saidAtMs = at;
      setAttribute(this.holder, 'aria-label', this.say(series));
    }
    this.#draw();
  }

  /** @param {boolean} seen */
  see(seen) {
    this.#seen = seen;
    this.#draw();
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.holder;
    if (this.#plot === null || width === 0) return;
    if (this.#plot.width !== width || this.#plot.height !== height) this.#plot.setSize({ width, height });
  }

  /** Colours have changed. */
  renew() {
    this.#plot?.destroy();
    this.#plot = null;
    this.#dirty = true;
    this.#draw();
  }

  remove() {
    this.#plot?.destroy();
    this.#plot = null;
    drawn.delete(this);
    sizes.unobserve(this.holder);
    sights.unobserve(this.holder);
  }

  #draw() {
    if (!this.#seen || !this.#dirty) return;
    const { clientWidth: width, clientHeight: height } = this.holder;
    if (width === 0 || height === 0) return;
    this.#dirty = false;
    const { times, values } = this.series;
    const data = /** @type {import('uplot').AlignedData} */ ([
      times,
      ...this.strokes.map(({ column, quiet }) =>
        quiet === true ? withoutRest(values[column]) : values[column],
      ),
    ]);
    if (this.#plot === null) this.#plot = new UPlot(this.#options(width, height), data, this.holder);
    else this.#plot.setData(data);
  }

  /**
   * @param {number} width
   * @param {number} height
   * @returns {import('uplot').Options}
   */
  #options(width, height) {
    return {
      width,
      height,
      legend: { show: false },
      series: [
        {},
        ...this.strokes.map(({ tone, fill, dash }) => {
          const stroke = colourOf(tone);
          return {
            stroke,
            width: 1.5,
            points: { show: false },
            ...(fill === true ? { fill: stroke.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.13)') } : {}),
            ...(dash === true ? { dash: [4, 3] } : {}),
          };
        }),
      ],
      ...this.options(width, height),
    };
  }
}

/** From the first point on, ten minutes at most; what has just begun does not fill the chart yet. @type {import('uplot').Scale} */
const TIME = {
  time: true,
  range: (plot) => {
    const now = nowMs() / 1000;
    const first = plot.data[0][0] ?? now;
    return [Math.min(now - SPAN_S_LEAST, Math.max(now - SPAN_S, first)), now];
  },
};

/**
 * The values without those that are 0 between others that are.
 * @param {readonly (number | null)[]} values
 */
function withoutRest(values) {
  return values.map((value, i) => (value === 0 && !values[i - 1] && !values[i + 1] ? null : value));
}

/**
 * A range from nothing to a little over the highest line, and never so narrow that noise fills the chart.
 * @param {number} least
 * @returns {import('uplot').Scale}
 */
function fromZero(least) {
  return { range: (_plot, _min, max) => [0, Math.max(least, (max ?? 0) * 1.15)] };
}

/**
 * A large chart under a title, with a key that tells what is under the pointer, else what is now.
 * @param {{ title: string, strokes: readonly Stroke[], least: number, format: (value: number | null) => string }} input
 */
export function largeChart({ title, strokes, least, format }) {
  const keys = strokes.map(({ name, tone, dash }) => {
    const value = el('strong', {}, '–');
    const key = el(
      'span',
      { class: `key tone-${tone}${dash === true ? ' dash' : ''}` },
      el('span', { class: 'stroke', 'aria-hidden': 'true' }),
      el('span', { class: 'key-name' }, name),
      value,
    );
    return { key, value };
  });
  const time = el('span', { class: 'key-time' });
  const holder = el('div', { class: 'plot' });
  const node = el(
    'figure',
    { class: 'card chart' },
    el('figcaption', {}, el('h3', {}, title), time, ...keys.map(({ key }) => key)),
    holder,
  );
  let pointed = false;
  /** @param {number | null} at position in the series; null: the newest */
  const tell = (at) => {
    const { times, values } = chart.series;
    const i = at ?? times.length - 1;
    for (const [k, { column }] of strokes.entries()) {
      const value = values[column][i];
      const key = keys[k];
      if (key !== undefined) setText(key.value, value === undefined ? '–' : format(value));
    }
    const unixS = times[i];
    setText(
      time,
      at === null || unixS === undefined ? '' : clock(new Date(unixS * 1000).toISOString(), true),
    );
  };
  const chart = new Chart(
    holder,
    strokes,
    () => {
      const axis = {
        stroke: colourOf('muted'),
        font: '11px system-ui, sans-serif',
        grid: { stroke: colourOf('line'), width: 1 },
        ticks: { show: false },
      };
      return {
        // The time of the last tick has its room, also where it stands at the edge.
        padding: [6, 28, 0, 0],
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 }, sync: { key: 'limpet' } },
        scales: { x: TIME, y: fromZero(least) },
        axes: [
          {
            ...axis,
            size: 24,
            space: 70,
            values: (_plot, ticks) => {
              // Closer than a minute, minutes would stand there several times.
              const close = (ticks[1] ?? 60) - (ticks[0] ?? 0) < 60;
              return ticks.map((s) => clock(new Date(s * 1000).toISOString(), close));
            },
          },
          { ...axis, size: 52, space: 34, values: (_plot, ticks) => ticks.map((value) => format(value)) },
        ],
        hooks: {
          setCursor: [
            (plot) => {
              pointed = plot.cursor.idx !== null && plot.cursor.idx !== undefined;
              tell(plot.cursor.idx ?? null);
            },
          ],
        },
      };
    },
    (series) => {
      const parts = strokes.map(({ column, name }) => {
        const now = series.values[column].at(-1) ?? null;
        return `${name} now ${format(now)}, at most ${format(series.most(column))}`;
      });
      return `${title} over the last ten minutes: ${parts.join('; ')}`;
    },
  );
  return {
    node,
    /** @param {Series} series */
    update(series) {
      chart.show(series);
      if (!pointed) tell(null);
    },
  };
}

/**
 * A small chart for a cell of a table.
 * @param {readonly Stroke[]} strokes
 * @param {number} least
 * @param {(series: Series) => string} say
 */
export function sparkline(strokes, least, say) {
  const holder = el('div', { class: 'spark' });
  const chart = new Chart(
    holder,
    strokes,
    () => ({
      padding: [2, 0, 2, 0],
      cursor: { show: false },
      scales: { x: TIME, y: fromZero(least) },
      axes: [{ show: false }, { show: false }],
    }),
    say,
  );
  return {
    node: holder,
    show: (/** @type {Series} */ series) => chart.show(series),
    remove: () => chart.remove(),
  };
}
