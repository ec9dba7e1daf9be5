// Online schema changes: a line each, those that go on or need somebody first, and a word beside the health while one goes on.

import {$, element, head, rows, setText} from './dom.js';
import {count, rate, share, span, words} from './format.js';

const ORDER = ['running', 'failed', 'paused', 'interrupted', 'pending', 'done'];
const SHOWN = 50;

export function drawMigrations(status) {
  const all = status.migrations;
  const error = status.migrationsError;
  $('migrations-section').hidden = !all.length && !error && !status.migrationsPaused;
  const notice = $('migrations-error');
  notice.hidden = !error;
  notice.textContent = error ? `How far they are cannot be read: ${error}` : '';
  setText('migrations-paused', status.migrationsPaused ? 'All work on them is paused, until levee migrate resume.' : '');
  rows('migrations', shown(all), 6, line, error ? 'Not known.' : 'None.');
  const running = all.filter(one => one.status === 'running');
  $('migrating').replaceChildren(...running.map(one => element('li', sentence(one))));
}

/** Those that are not done, and of the others the last. */
function shown(all) {
  const ranked = all.map((one, at) => ({one, at}));
  ranked.sort((a, b) => ORDER.indexOf(a.one.status) - ORDER.indexOf(b.one.status)
    || (a.one.status === 'done' ? b.at - a.at : a.at - b.at));
  return ranked.slice(0, SHOWN).map(({one}) => one);
}

function line(one) {
  const name = head(one.id);
  name.className = 'name';
  name.append(element('p', `${one.kind} of ${one.table}`, 'note'));
  return [
    name,
    state(one),
    progress(one),
    element('td', one.status === 'running' ? `${rate(one.rate)} rows/s` : '', 'num'),
    element('td', one.status === 'running' ? left(one) : '', 'num'),
    element('td', one.error ?? one.note, 'wrap'),
  ];
}

/** The word of the state, in the colour of those that need somebody; a trouble that passes by itself is one, too. */
function state(one) {
  const cell = element('td', one.status, one.status === 'failed' ? 'failing' : one.trouble ? 'troubled' : '');
  cell.dataset.state = one.status;
  if (one.trouble) {
    cell.append(element('p', words(one.trouble), 'note'));
  }
  return cell;
}

function progress(one) {
  const cell = element('td', undefined, 'progress');
  const part = one.status === 'done' ? 1 : share(one.rowsDone, one.rowsTotal);
  const said = one.rowsTotal < 0 ? `${count(one.rowsDone)} rows` : `${count(one.rowsDone)} of ${count(one.rowsTotal)} rows`;
  const bar = element('div', undefined, 'bar');
  bar.setAttribute('role', 'progressbar');
  bar.setAttribute('aria-label', one.id);
  bar.setAttribute('aria-valuetext', said);
  if (part !== null) {
    bar.setAttribute('aria-valuenow', String(Math.floor(part * 100)));
  }
  bar.append(element('span'));
  bar.firstElementChild.style.width = `${(part ?? 0) * 100}%`;
  const parts = one.partitionsTotal < 0 ? '' : `, ${count(one.partitionsDone)} of ${count(one.partitionsTotal)} partitions`;
  cell.append(bar, element('p', said + parts, 'note'));
  return cell;
}

function left(one) {
  return one.etaSeconds === null ? '?' : span(one.etaSeconds);
}

function sentence(one) {
  const part = share(one.rowsDone, one.rowsTotal);
  const done = part === null ? '' : `, ${Math.floor(part * 100)} %`;
  const rest = one.etaSeconds === null ? '' : `, about ${span(one.etaSeconds)} left`;
  return `${one.table} is being changed (${one.id})${done}${rest}; reading and writing go on`;
}
