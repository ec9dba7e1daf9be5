// Pieces of the page. Everything is drawn with DOM calls, so that no name out of a store is ever read as markup.

export const $ = id => document.getElementById(id);

export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) {
    made.textContent = text;
  }
  if (className) {
    made.className = className;
  }
  return made;
}

export function setText(id, text) {
  const target = $(id);
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

/** A table's body: a line each, or one that says that there is none. */
export function rows(id, items, columns, draw, none) {
  const body = $(id);
  if (!items.length) {
    const cell = element('td', none, 'empty');
    cell.colSpan = columns;
    const line = element('tr');
    line.append(cell);
    body.replaceChildren(line);
    return;
  }
  body.replaceChildren(...items.map(item => {
    const line = element('tr');
    line.append(...draw(item));
    return line;
  }));
}

/** The head of a line. */
export function head(text) {
  const cell = element('th', text);
  cell.scope = 'row';
  return cell;
}
