/** Line charts as SVG text. Colours are classes (page.ts), so that light and dark are the page's affair. */

export interface Axis {
  readonly label: string;
  readonly scale: "linear" | "log" | "percentile";
}

export interface Line {
  readonly name: string;
  /** 0 … COLOURS - 1. */
  readonly colour: number;
  readonly dashed?: boolean;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

/** Colours that the page has. */
export const COLOURS = 8;

const [WIDTH, HEIGHT] = [720, 300];
const BOX = { left: 64, right: 28, top: 12, bottom: 44 } as const;
/** More than so many points of a line get no marks to point at. */
const MARKED_POINTS_MAX = 200;

interface Scale {
  /** From a value to 0 … 1. */
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
  readonly text: (value: number) => string;
}

/** A figure with its legend; a sentence where there is nothing to draw. */
export function chartHtml(chart: Chart): string {
  const lines = chart.lines.filter(({ points }) => points.length > 0);
  const title = `<figcaption>${escapeHtml(chart.title)}</figcaption>`;
  if (lines.length === 0) return `<figure>${title}<p class="none">Nothing was measured.</p></figure>`;
  const points = lines.flatMap((line) => line.points);
  const x = scaleOf(
    chart.x,
    points.map(([value]) => value),
    9,
  );
  const y = scaleOf(
    chart.y,
    points.map(([, value]) => value),
    5,
  );
  const drawn = lines.map((line) => lineSvg(line, x, y, chart)).join("");
  const legend = lines.map(
    ({ name, colour, dashed }) => `<span class="c${colour}${dashed ? " dashed" : ""}"><i></i>${escapeHtml(name)}</span>`,
  );
  return `<figure>${title}<div class="legend">${legend.join("")}</div><div class="plot"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(chart.title)}">${axesSvg(x, y, chart)}${drawn}</svg></div></figure>`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function lineSvg({ name, colour, dashed, points }: Line, x: Scale, y: Scale, chart: Chart): string {
  const placed = points.map(([px, py]) => ({ px, py, left: leftOf(x.at(px)), top: topOf(y.at(py)) }));
  const path = placed.map(({ left, top }, index) => `${index === 0 ? "M" : "L"}${left},${top}`).join("");
  const line = `<path class="line c${colour}${dashed ? " dashed" : ""}" d="${path}"/>`;
  if (points.length > MARKED_POINTS_MAX) return line;
  const marks = placed.map(({ px, py, left, top }) => {
    const says = `${name}: ${y.text(py)} ${chart.y.label} at ${x.text(px)} ${chart.x.label}`;
    return `<circle class="mark c${colour}" cx="${left}" cy="${top}" r="${points.length === 1 ? 4 : 3}"${points.length === 1 ? ' opacity="1"' : ""}><title>${escapeHtml(says)}</title></circle>`;
  });
  return line + marks.join("");
}

function axesSvg(x: Scale, y: Scale, chart: Chart): string {
  const [right, bottom] = [WIDTH - BOX.right, HEIGHT - BOX.bottom];
  const rows = y.ticks.map((tick) => {
    const top = topOf(y.at(tick));
    return `<line class="grid" x1="${BOX.left}" x2="${right}" y1="${top}" y2="${top}"/><text x="${BOX.left - 8}" y="${top + 4}" text-anchor="end">${y.text(tick)}</text>`;
  });
  const columns = x.ticks.map((tick) => {
    const left = leftOf(x.at(tick));
    return `<line class="tick" x1="${left}" x2="${left}" y1="${bottom}" y2="${bottom + 5}"/><text x="${left}" y="${bottom + 18}" text-anchor="middle">${x.text(tick)}</text>`;
  });
  return [
    ...rows,
    `<line class="axis" x1="${BOX.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
    ...columns,
    `<text class="label" x="${(BOX.left + right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeHtml(chart.x.label)}</text>`,
    `<text class="label" transform="translate(14 ${(BOX.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(chart.y.label)}</text>`,
  ].join("");
}

function leftOf(share: number): number {
  return Math.round((BOX.left + share * (WIDTH - BOX.left - BOX.right)) * 10) / 10;
}

function topOf(share: number): number {
  return Math.round((HEIGHT - BOX.bottom - share * (HEIGHT - BOX.top - BOX.bottom)) * 10) / 10;
}

function scaleOf({ scale }: Axis, values: readonly number[], ticksMax: number): Scale {
  const [min, max] = [Math.min(...finite(values)), Math.max(...finite(values))];
  switch (scale) {
    case "linear":
      return linearScale(max, ticksMax);
    case "log":
      return logScale(min, max);
    case "percentile":
      return percentileScale(max === 100 ? Math.max(...finite(values.filter((value) => value < 100))) : max);
  }
}

/** Never empty. */
function finite(values: readonly number[]): readonly number[] {
  const usable = values.filter((value) => Number.isFinite(value));
  return usable.length === 0 ? [0] : usable;
}

/** From 0 to a round number at or above the largest value. */
function linearScale(max: number, ticksMax: number): Scale {
  const raw = (max > 0 ? max : 1) / (ticksMax - 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw) ?? raw;
  const top = Math.max(1, Math.ceil((max * 0.999) / step)) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  return { at: (value) => value / top, ticks, text: numberText };
}

/** Powers of ten around all values, with 2 and 5 between where there is room. */
function logScale(min: number, max: number): Scale {
  const floor = Math.max(min, 1e-3);
  const low = Math.floor(Math.log10(floor));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(max, floor))));
  const factors = high - low <= 2 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = low; power <= high; power++) {
    for (const factor of factors) if (power < high || factor === 1) ticks.push(factor * 10 ** power);
  }
  return { at: (value) => (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low), ticks, text: numberText };
}

/** 0, 90, 99, 99.9 … at equal distances, as HdrHistogram's plots have them. 100 is at the right end. */
function percentileScale(max: number): Scale {
  const nines = Math.max(1, Math.ceil(-Math.log10(1 - max / 100) - 1e-9));
  const nineOf = (value: number) => (value >= 100 ? nines : -Math.log10(1 - value / 100));
  const ticks = Array.from({ length: nines + 1 }, (_, count) => 100 * (1 - 10 ** -count));
  return {
    at: (value) => Math.min(1, nineOf(value) / nines),
    ticks,
    text: (value) => `${Number(value.toFixed(6))}%`,
  };
}

function numberText(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}
