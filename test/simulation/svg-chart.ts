// Draws a chart as SVG: lines over a linear or logarithmic grid, with a legend. Made for docs/simulation, and for nothing else.

export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [number, number])[];
  /** A bound or a theory, not a measurement. */
  readonly dashed?: boolean;
}

export interface Axis {
  readonly label: string;
  readonly log?: boolean;
  /** Instead of the least and the largest value drawn. */
  readonly from?: number;
  readonly to?: number;
}

export interface Chart {
  /** Kebab-case, behind the scenario's name. */
  readonly name: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

const WIDTH = 760;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 200;
const TOP = 40;
const BOTTOM = 52;
/** Told apart by most readers who confuse colours (Okabe and Ito, "Color universal design", 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

interface Scale {
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
  readonly holds: (value: number) => boolean;
}

export function svgOf(chart: Chart): string {
  const xs = scaleOf(chart.x, values(chart, 0), LEFT, WIDTH - RIGHT);
  const ys = scaleOf(chart.y, values(chart, 1), HEIGHT - BOTTOM, TOP);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 22, chart.title, 'font-size="15"'),
  ];
  for (const tick of xs.ticks) {
    const x = short(xs.place(tick));
    parts.push(`<path d="M${x} ${TOP}V${HEIGHT - BOTTOM}" stroke="#ddd"/>`);
    parts.push(text(x, HEIGHT - BOTTOM + 18, named(tick), 'text-anchor="middle"'));
  }
  for (const tick of ys.ticks) {
    const y = short(ys.place(tick));
    parts.push(`<path d="M${LEFT} ${y}H${WIDTH - RIGHT}" stroke="#ddd"/>`);
    parts.push(text(LEFT - 8, y + 4, named(tick), 'text-anchor="end"'));
  }
  parts.push(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, chart.x.label, 'text-anchor="middle"'));
  const middle = (TOP + HEIGHT - BOTTOM) / 2;
  parts.push(text(16, middle, chart.y.label, `text-anchor="middle" transform="rotate(-90 16 ${middle})"`));
  chart.lines.forEach((line, i) => {
    const look = `fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2"${line.dashed ? ' stroke-dasharray="6 4"' : ''}`;
    const drawn = line.points.filter(([x, y]) => xs.holds(x) && ys.holds(y));
    const path = drawn.map(
      ([x, y], at) => `${at === 0 ? 'M' : 'L'}${short(xs.place(x))} ${short(ys.place(y))}`,
    );
    parts.push(`<path d="${path.join('')}" ${look}/>`);
    const y = TOP + 10 + i * 20;
    parts.push(`<path d="M${WIDTH - RIGHT + 12} ${y}h26" ${look}/>`);
    parts.push(text(WIDTH - RIGHT + 44, y + 4, line.label));
  });
  return `${parts.join('\n')}\n</svg>\n`;
}

function values(chart: Chart, at: 0 | 1): number[] {
  return chart.lines.flatMap((line) => line.points.map((point) => point[at]));
}

function scaleOf(axis: Axis, all: readonly number[], start: number, end: number): Scale {
  const usable = all.filter((v) => Number.isFinite(v) && (axis.log !== true || v > 0));
  const least = axis.from ?? usable.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const most = axis.to ?? usable.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const bend = axis.log === true ? Math.log10 : (v: number): number => v;
  const low = bend(least);
  const span = bend(most) - low || 1;
  return {
    place: (v) => start + ((bend(v) - low) / span) * (end - start),
    ticks: axis.log === true ? powers(least, most) : steps(least, most),
    holds: (v) => v >= least && v <= most,
  };
}

/** Some five round numbers from `least` to `most`. */
function steps(least: number, most: number): number[] {
  const rough = (most - least) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough)!;
  const ticks: number[] = [];
  for (let i = Math.ceil(least / step); i * step <= most * (1 + 1e-9); i++) ticks.push(i * step);
  return ticks;
}

/** Powers of ten, or of two where there are too few of them. */
function powers(least: number, most: number): number[] {
  const base = most / least >= 100 ? 10 : 2;
  const ticks: number[] = [];
  const bend = Math.log(base);
  for (let p = Math.ceil(Math.log(least) / bend - 1e-9); base ** p <= most * (1 + 1e-9); p++)
    ticks.push(base ** p);
  return ticks;
}

function named(value: number): string {
  return value !== 0 && Math.abs(value) < 0.001
    ? value.toExponential(0)
    : String(Number(value.toPrecision(4)));
}

function short(value: number): number {
  return Math.round(value * 10) / 10;
}

function text(x: number, y: number, words: string, look = ''): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${short(x)}" y="${short(y)}" ${look}>${safe}</text>`;
}
