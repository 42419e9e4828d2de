// Shows the slides of a class, and names the values on a narrow screen.
const answers = document.getElementById('answers');
const heads = Array.from(answers.tHead.rows[0].cells, (cell) => cell.textContent.trim());
for (const row of answers.tBodies[0].rows) {
  Array.from(row.cells).forEach((cell, place) => {
    if (place > 2 && !cell.querySelector('.bar')) cell.dataset.label = heads[place];
  });
}
for (const group of document.querySelectorAll('.filters')) {
  group.hidden = false;
  for (const button of group.querySelectorAll('button')) {
    button.addEventListener('click', () => {
      for (const other of group.querySelectorAll('button')) {
        other.setAttribute('aria-pressed', String(other === button));
      }
      for (const row of answers.tBodies[0].rows) {
        row.hidden = button.dataset.class !== '' && row.dataset.class !== button.dataset.class;
      }
      const shown = answers.querySelectorAll('tbody tr:not([hidden])').length;
      status.textContent = shown === 1 ? '1 slide.' : `${shown} slides.`;
    });
  }
}
