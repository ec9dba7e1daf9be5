// Figures as people read them. Pure functions: no page, no clock.

const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 1536 becomes "1.5 KiB". */
export function bytes(value) {
  let amount = value;
  let unit = 0;
  while (amount >= 1024 && unit < BYTES.length - 1) {
    amount /= 1024;
    unit++;
  }
  return unit === 0 ? `${value} B` : `${amount.toFixed(amount < 10 ? 1 : 0)} ${BYTES[unit]}`;
}

/** 1234567 becomes "1,234,567". */
export function count(value) {
  return Math.round(value).toLocaleString('en-US');
}

/** A rate, with a decimal only where it matters. */
export function rate(value) {
  return value > 0 && value < 10 ? value.toFixed(1) : count(value);
}

/** 12 ms, 3.4 s, 5 min: an age. */
export function age(millis) {
  if (millis < 1000) {
    return `${Math.round(millis)} ms`;
  }
  return millis < 60_000 ? `${(millis / 1000).toFixed(1)} s` : `${Math.round(millis / 60_000)} min`;
}

/** 12 s, 5 min, 3 h: a time to come, in seconds. */
export function span(seconds) {
  if (seconds < 120) {
    return `${Math.ceil(seconds)} s`;
  }
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** "2026-05-20T10:00:00.123456Z" becomes "2026-05-20 10:00:00", UTC as all times here. */
export function time(iso) {
  return iso ? iso.slice(0, 19).replace('T', ' ').replace('Z', '') : '–';
}

/** The same without seconds. */
export function minute(iso) {
  return time(iso).slice(0, 16);
}

/** OVERFLOW becomes "overflow", WRITE_FAILED "write failed", readerCache "reader cache". */
export function words(name) {
  return name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase().replaceAll('_', ' ');
}

/** How full, from 0 to 1; null where there is no limit. */
export function share(value, limit) {
  return limit > 0 ? Math.min(1, Math.max(0, value / limit)) : null;
}
