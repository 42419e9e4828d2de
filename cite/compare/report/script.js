// Filters rows, highlights a method, and opens everything before printing.
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
