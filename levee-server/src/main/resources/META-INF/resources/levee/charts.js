// Two small charts, drawn as SVG elements: the ingest rate, and the partitions of a table along time.

const SVG = 'http://www.w3.org/2000/svg';

function node(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  return element;
}

/** A line of the last values, oldest first, with room for `slots` of them. */
export function sparkline(values, slots, label) {
  const width = 300;
  const height = 48;
  const most = Math.max(1, ...values);
  const left = width - (values.length - 1) * (width / (slots - 1));
  const points = values.map((value, i) =>
    `${(left + i * (width / (slots - 1))).toFixed(1)},${(height - 2 - (value / most) * (height - 6)).toFixed(1)}`);
  const svg = node('svg', {viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label});
  if (points.length > 1) {
    svg.append(
      node('polygon', {class: 'area', points: `${left.toFixed(1)},${height} ${points.join(' ')} ${width},${height}`}),
      node('polyline', {class: 'line', points: points.join(' ')}));
  }
  return svg;
}

/**
 * Partitions along time: each as wide as the time it holds, as high as its rows.
 *
 * @param parts {id, from, to, rows, state: open|closed|dropped, fresh, title}, times in milliseconds
 */
export function strip(parts, label) {
  const width = 1000;
  const height = 56;
  const svg = node('svg', {viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label});
  const first = Math.min(...parts.map(part => part.from));
  const last = Math.max(...parts.map(part => part.to));
  const most = Math.max(1, ...parts.map(part => part.rows));
  const scale = last > first ? width / (last - first) : 0;
  const gap = parts.length > 200 ? 0 : 1.5;
  for (const part of parts) {
    const x = (part.from - first) * scale;
    const wide = Math.max(3, (scale ? (part.to - part.from) * scale : width) - gap);
    const high = Math.max(3, (part.rows / most) * height);
    const group = node('g', part.fresh ? {class: 'fresh'} : {});
    const title = node('title', {});
    title.textContent = part.title;
    group.append(title);
    if (part.state !== 'dropped') {
      group.append(node('rect', {class: 'slot', x, y: 0, width: wide, height}));
    }
    group.append(node('rect', {class: part.state, x, y: height - high, width: wide, height: high}));
    svg.append(group);
  }
  return svg;
}
