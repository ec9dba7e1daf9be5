// The status page: one event stream for the figures, one poll for the partitions.

import {sparkline, strip} from './charts.js';
import {$, element, head, rows, setText} from './dom.js';
import {age, bytes, count, minute, rate, share, time, words} from './format.js';
import {drawMigrations} from './migrations.js';

const RATES = 120;
const FEW_RATES = 30;
const PARTITIONS_EVERY_MS = 1000;
const GHOST_MS = 12_000;
const SILENCE_MS = 5000;
const RETRY_MS = 2000;
const TABLE_ROWS = 500;
const QUERY_LENGTH = 160;

const HEALTH = {
  UP: 'Up: every promise is kept',
  DEGRADED: 'Degraded: records are taken, and something needs a look',
  DOWN: 'Down: records are not taken',
};

const rates = [];
const known = new Map();
let previous = null;
let lastEvent = 0;
let lastPartitions = 0;
let loading = false;
let loadingQueries = false;
let source = null;

function drawHealth(status) {
  $('health').dataset.state = status.health;
  setText('verdict', HEALTH[status.health] ?? status.health);
  $('reasons').replaceChildren(...status.reasons.map(reason => element('li', reason)));
  document.title = status.health === 'UP' ? 'Levee: status' : `${words(status.health)} – Levee`;
}

function drawFlow(status, now) {
  if (previous && now > previous.at && status.stored >= previous.stored) {
    rates.push((status.stored - previous.stored) / ((now - previous.at) / 1000));
    rates.splice(0, rates.length - RATES);
  }
  previous = {stored: status.stored, at: now};
  const present = rates.length ? rates[rates.length - 1] : 0;
  const most = Math.max(0, ...rates);
  setText('rate', rate(present));
  const label = `Stored records per second over the last ${rates.length} seconds, at most ${rate(most)}`;
  $('spark').replaceChildren(sparkline(rates, Math.max(FEW_RATES, rates.length), label));
  setText('accepted', count(status.accepted));
  setText('stored', count(status.stored));
  setText('lost', count(status.lost.total));
  $('lost-card').classList.toggle('alarm', status.lost.total > 0);
  const reasons = Object.entries(status.lost.byReason).filter(([, lost]) => lost > 0);
  const doubt = status.uncertain > 0 ? `; in doubt: ${count(status.uncertain)}` : '';
  setText('lost-reasons', (reasons.length
    ? reasons.map(([reason, lost]) => `${words(reason)}: ${count(lost)}`).join(', ')
    : 'nothing was given up') + doubt);
}

function drawLimits(status) {
  const {queue, disk, memory} = status;
  limit('queue-records', 'Queue, records', queue.records, queue.limitRecords, count,
    queue.records ? `oldest waits ${age(queue.oldestMs)}` : 'empty');
  limit('queue-bytes', 'Queue, bytes', queue.bytes, queue.limitBytes, bytes, '');
  limit('disk', 'Disk', disk.bytes, disk.limitBytes, bytes, disk.freeBytes === null ? '' : `${bytes(disk.freeBytes)} free on the volume`);
  const used = Object.values(memory.byPart).reduce((sum, part) => sum + part, 0);
  limit('memory', 'Memory budget', used, memory.budgetBytes, bytes,
    memory.rssBytes ? `whole process: ${bytes(memory.rssBytes)}` : '');
}

function drawServer(status) {
  const {http, memory} = status;
  if (http) {
    limit('working', 'Requests at work', http.working, http.limitWorking, count, http.waiting ? `${count(http.waiting)} wait for their turn` : '');
    limit('readers', 'Long answers being read', http.readers, http.limitReaders, count, '');
  }
  if ($('memory-details').open) {
    const parts = Object.entries(memory.byPart).sort(([, a], [, b]) => b - a);
    rows('memory-parts', parts, 2, ([part, used]) => [head(words(part)), element('td', bytes(used), 'num')], 'No part tells its use.');
  }
}

function limit(id, name, value, most, form, note) {
  let card = $(`limit-${id}`);
  if (!card) {
    card = element('article', undefined, 'card');
    card.id = `limit-${id}`;
    const bar = element('div', undefined, 'bar');
    bar.setAttribute('role', 'meter');
    bar.setAttribute('aria-label', name);
    bar.append(element('span'));
    card.append(element('h3', name), element('p', '', 'figure small'), bar, element('p', '', 'note'));
    $('limits').append(card);
  }
  const [, figure, bar, line] = card.children;
  const part = share(value, most);
  figure.textContent = form(value);
  bar.hidden = part === null;
  bar.setAttribute('aria-valuemin', '0');
  bar.setAttribute('aria-valuemax', String(most));
  bar.setAttribute('aria-valuenow', String(value));
  bar.setAttribute('aria-valuetext', `${form(value)} of ${form(most)}`);
  bar.dataset.level = part > 0.95 ? 'full' : part > 0.75 ? 'high' : 'normal';
  bar.firstElementChild.style.width = `${(part ?? 0) * 100}%`;
  const of = part === null ? 'no limit set' : `of ${form(most)}`;
  line.textContent = note ? `${of}; ${note}` : of;
}

function drawTables(status) {
  rows('tables', status.tables, 6, table => [
    head(table.name),
    element('td', count(table.rows), 'num'),
    element('td', bytes(table.bytes), 'num'),
    element('td', count(table.partitions), 'num'),
    element('td', time(table.oldest), 'time'),
    element('td', time(table.newest), 'time'),
  ], 'No tables yet.');
  rows('tasks', status.tasks, 5, task => [
    head(task.name),
    element('td', task.state, task.state === 'failing' ? 'failing' : ''),
    element('td', count(task.runs), 'num'),
    element('td', count(task.failures), 'num'),
    element('td', task.lastError ?? task.detail ?? '', 'wrap'),
  ], 'None.');
}

function drawFoot(status) {
  setText('store', status.store);
  setText('engine', `Levee ${status.version}, ${status.engine}`);
  setText('owner', status.owner.pid ? `written by process ${status.owner.pid}` : '');
  setText('shutdown', status.lastShutdown === 'CLEAN' ? 'last shutdown was clean' : 'last shutdown was not clean');
}

/** Draws the partitions from the last answer, with those that went a moment ago as outlines. */
function drawPartitions(list, now) {
  const first = known.size === 0;
  const alive = new Set();
  for (const item of list) {
    alive.add(item.partition);
    const before = known.get(item.partition);
    known.set(item.partition, {...item, since: before?.since ?? (first ? -Infinity : now), gone: null});
  }
  for (const [id, item] of known) {
    if (!alive.has(id)) {
      item.gone ??= now;
      if (now - item.gone > GHOST_MS) {
        known.delete(id);
      }
    }
  }
  const byTable = new Map();
  for (const item of known.values()) {
    byTable.set(item.table, [...(byTable.get(item.table) ?? []), item]);
  }
  const strips = [...byTable].sort(([a], [b]) => (a < b ? -1 : 1)).map(([table, items]) => tableStrip(table, items, now));
  $('strips').replaceChildren(...(strips.length ? strips : [element('p', 'No partitions yet.', 'empty')]));
  if ($('partition-details').open) {
    rows('partition-rows', list.slice(-TABLE_ROWS).reverse(), 6, item => [
      head(item.partition),
      element('td', item.state),
      element('td', item.rows === null ? '?' : count(item.rows), 'num'),
      element('td', bytes(item.bytes), 'num'),
      element('td', time(item.from), 'time'),
      element('td', time(item.to), 'time'),
    ], 'No partitions yet.');
  }
}

function tableStrip(table, items, now) {
  const parts = items
    .filter(item => item.from !== null && item.to !== null)
    .map(item => ({
      from: Date.parse(item.from),
      to: Date.parse(item.to),
      rows: item.rows ?? 0,
      state: item.gone ? 'dropped' : item.state,
      fresh: now - item.since < PARTITIONS_EVERY_MS,
      title: `${item.partition}: ${item.gone ? 'dropped' : item.state}, ${count(item.rows ?? 0)} rows, ${bytes(item.bytes)}`,
    }))
    .sort((a, b) => a.from - b.from);
  const live = items.filter(item => !item.gone);
  const total = live.reduce((sum, item) => sum + (item.rows ?? 0), 0);
  const size = live.reduce((sum, item) => sum + item.bytes, 0);
  const summary = `${count(live.length)} ${live.length === 1 ? 'partition' : 'partitions'}, ${count(total)} rows, ${bytes(size)}`;
  const box = element('div', undefined, 'strip');
  const top = element('div', undefined, 'strip-head');
  top.append(element('h3', table), element('p', summary));
  box.append(top);
  if (parts.length) {
    const from = new Date(Math.min(...parts.map(part => part.from))).toISOString();
    const to = new Date(Math.max(...parts.map(part => part.to))).toISOString();
    const axis = element('div', undefined, 'axis');
    axis.append(element('span', minute(from)), element('span', `${minute(to)} UTC`));
    box.append(strip(parts, `${table}: ${summary}, from ${minute(from)} to ${minute(to)} UTC`), axis);
  }
  return box;
}

async function json(path) {
  const answer = await fetch(path, {headers: {accept: 'application/json'}});
  return answer.ok ? answer.json() : null;
}

async function loadQueries() {
  if (loadingQueries || document.hidden) {
    return;
  }
  loadingQueries = true;
  try {
    const running = await json('/v1/queries');
    if (running) {
      rows('queries', running.queries.slice(0, TABLE_ROWS), 5, query => [
        queryHead(query.what),
        element('td', query.state),
        element('td', age(query.ageMs), 'num'),
        element('td', age(query.remainingMs), 'num'),
        element('td', query.plan ?? '', 'wrap'),
      ], 'No query runs.');
    }
    const slow = await json('/v1/queries/slow');
    if (slow) {
      setText('slow-summary', `Slow queries: ${slow.queries.length ? count(slow.queries.length) : 'none'} over ${age(slow.slowerThanMs)}`);
      if ($('slow-details').open) {
        rows('slow', slow.queries, 7, query => [
          queryHead(query.what),
          element('td', time(query.at), 'time'),
          element('td', age(query.ranMs), 'num'),
          element('td', age(query.waitedMs), 'num'),
          element('td', count(query.rows), 'num'),
          element('td', query.end),
          element('td', query.plan, 'wrap'),
        ], 'None.');
      }
    }
  } catch {
    // The stream tells when the server is gone; the next poll tries again.
  } finally {
    loadingQueries = false;
  }
}

/** What a query asks, cut; the whole of it when it is pointed at. */
function queryHead(what) {
  const cell = head(what.length > QUERY_LENGTH ? `${what.slice(0, QUERY_LENGTH)}…` : what);
  cell.title = what;
  cell.className = 'wrap';
  return cell;
}

async function loadPartitions() {
  if (loading || document.hidden) {
    return;
  }
  loading = true;
  try {
    const answer = await fetch('/v1/partitions', {headers: {accept: 'application/json'}});
    if (answer.ok) {
      drawPartitions((await answer.json()).partitions, performance.now());
    }
  } catch {
    // The stream tells when the server is gone; the next poll tries again.
  } finally {
    loading = false;
  }
}

function connection(state, text) {
  $('connection').dataset.state = state;
  setText('connection', text);
}

function streamLost() {
  connection('lost', 'not connected');
  $('health').dataset.state = 'UNKNOWN';
  setText('verdict', 'Not known: the server does not answer');
  const notice = $('lost-stream');
  const since = lastEvent ? ` The figures are from ${new Date(Date.now() - (performance.now() - lastEvent)).toLocaleTimeString()}.` : '';
  notice.textContent = `The server does not answer; trying again.${since}`;
  notice.hidden = false;
}

function onStatus(event) {
  const status = JSON.parse(event.data);
  const now = performance.now();
  lastEvent = now;
  connection('live', 'live');
  $('lost-stream').hidden = true;
  drawHealth(status);
  drawFlow(status, now);
  drawLimits(status);
  drawServer(status);
  drawMigrations(status);
  drawTables(status);
  drawFoot(status);
  if (now - lastPartitions >= PARTITIONS_EVERY_MS * 0.9) {
    lastPartitions = now;
    loadPartitions();
    loadQueries();
  }
}

function connect() {
  source?.close();
  source = new EventSource('/v1/status/stream');
  source.addEventListener('status', onStatus);
  source.onerror = () => {
    previous = null;
    streamLost();
    if (source.readyState === EventSource.CLOSED) {
      // The browser gives up after an error answer; this page does not.
      setTimeout(connect, RETRY_MS);
    }
  };
}

setInterval(() => {
  if (lastEvent && performance.now() - lastEvent > SILENCE_MS) {
    streamLost();
  }
}, 1000);
$('partition-details').addEventListener('toggle', loadPartitions);
$('slow-details').addEventListener('toggle', loadQueries);
connect();
