'use strict';
// The page works without this script: it sorts, filters, highlights and prints.
const status = document.getElementById('said');

function sortBy(button) {
  const head = button.closest('th');
  const table = head.closest('table');
  const down = head.getAttribute('aria-sort') === 'ascending';
  for (const other of table.querySelectorAll('th[aria-sort]')) {
    other.removeAttribute('aria-sort');
  }
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  const sign = down ? -1 : 1;
  const place = head.cellIndex;
  const number = button.dataset.kind === 'number';
  const value = (row) => {
    const cell = row.cells[place];
    const text = cell.dataset.value ?? cell.textContent.trim();
    return number ? parseFloat(text) : text;
  };
  const compare = (a, b) => {
    if (!number) return sign * a[0].localeCompare(b[0], 'en', { numeric: true });
    // Rows without a value come last either way.
    if (Number.isNaN(a[0]) || Number.isNaN(b[0])) {
      return Number.isNaN(a[0]) - Number.isNaN(b[0]);
    }
    return sign * (a[0] - b[0]);
  };
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => [value(row), row]);
  rows.sort(compare);
  body.append(...rows.map((pair) => pair[1]));
  table.classList.add('sorted');
  const name = button.textContent.trim();
  status.textContent = `Sorted by ${name}, ${down ? 'largest' : 'smallest'} first.`;
}

for (const button of document.querySelectorAll('button.sort')) {
  button.addEventListener('click', () => sortBy(button));
}

for (const group of document.querySelectorAll('.filters')) {
  group.hidden = false;
  const table = document.getElementById(group.dataset.table);
  for (const button of group.querySelectorAll('button')) {
    button.addEventListener('click', () => {
      for (const other of group.querySelectorAll('button')) {
        other.setAttribute('aria-pressed', String(other === button));
      }
      const shots = button.dataset.shots;
      for (const row of table.tBodies[0].rows) {
        row.hidden = shots !== '' && row.dataset.shots !== shots;
      }
      const shown = table.querySelectorAll('tbody tr:not([hidden])').length;
      status.textContent = shown === 1 ? '1 row.' : `${shown} rows.`;
    });
  }
}

let picked = null;
function highlight(method) {
  document.body.classList.toggle('picking', method !== null);
  for (const series of document.querySelectorAll('.series')) {
    series.classList.toggle('out', series.dataset.method === method);
  }
}
for (const button of document.querySelectorAll('button.pick')) {
  const method = button.dataset.method;
  button.addEventListener('click', () => {
    picked = picked === method ? null : method;
    for (const other of document.querySelectorAll('button.pick')) {
      other.setAttribute('aria-pressed', String(other.dataset.method === picked));
    }
    highlight(picked);
  });
  button.addEventListener('pointerenter', () => highlight(method));
  button.addEventListener('pointerleave', () => highlight(picked));
}

// Open everything before printing.
let folded = [];
window.addEventListener('beforeprint', () => {
  folded = Array.from(document.querySelectorAll('details:not([open])'));
  for (const part of folded) part.open = part.matches('.more');
});
window.addEventListener('afterprint', () => {
  for (const part of folded) part.open = false;
});
