'use strict';
// The page works without its scripts.
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
